"""Settings as they are read, refused and handed on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings, load_settings
from cx_pipeline.system_settings import CiscoSourceSettings

SECRET = "a-secret-that-nobody-prints"


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CX_HOME", raising=False)


def test_settings_survive_the_way_to_another_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        home=tmp_path,
        first_window=datetime(2025, 6, 1, tzinfo=UTC),
        cisco_sources=(
            CiscoSourceSettings(
                name="hds",
                flavour="ucce",
                connection=SecretStr(f"DSN=hds;PWD={SECRET}"),
                tenants={"5000": "red"},
            ),
            CiscoSourceSettings(
                name="ccx", flavour="uccx", connection_file=tmp_path / "ccx", statement_timeout_s=7.5
            ),
        ),
        outbound_service_identifiers={"*": "8000"},
        ccm_url="http://127.0.0.1:8080/base",
        ccm_oauth_client_secret=SecretStr(SECRET),
        messages_short_call_types=True,
    )
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_what_is_not_set_is_not_handed_on():
    assert Settings(_env_file=None).as_environment() == {}  # type: ignore[call-arg]


def test_no_secret_is_printed_with_the_settings():
    source = CiscoSourceSettings(name="hds", flavour="ucce", connection=SecretStr(SECRET))
    settings = Settings(_env_file=None, cisco_sources=(source,), ccm_token=SecretStr(SECRET))  # type: ignore[call-arg]
    assert SECRET not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "CX_CISCO_SOURCES",
            '[{"name":"hds","flavour":"ucce"}]',
            "needs either connection or connection_file",
        ),
        ("CX_CISCO_SOURCES", '[{"name":"hds","flavour":"avaya","connection":"x"}]', "'ucce' or 'uccx'"),
        ("CX_MATCH_SLACK_MINUTES", "0", "greater than 0"),
        ("CX_CCM_URL", "not a url", "valid URL"),
        ("CX_MESSAGES_WHEN", "later", "'enriched' or 'ended'"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as error:
        load_settings()
    assert variable in str(error.value)
    assert said in str(error.value)


def test_a_list_of_sources_that_is_no_json_is_one_clear_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CX_CISCO_SOURCES", f"DSN=hds;PWD={SECRET}")
    with pytest.raises(ConfigurationError, match="CX_CISCO_SOURCES") as error:
        load_settings()
    assert SECRET not in str(error.value)
    assert error.value.__cause__ is None
