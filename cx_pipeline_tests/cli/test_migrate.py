import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from cx_pipeline.cli.main import cli, main


def test_migrate_says_what_it_did(database_url: SecretStr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    result = CliRunner().invoke(cli, ["migrate"])
    assert result.exit_code == 0, result.output
    assert "is at revision" in result.output
    assert "nothing to do" in result.output


def test_an_unreachable_database_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CX_DATABASE_URL", "postgresql://someone:geheim@127.0.0.1:1/nothing")
    monkeypatch.setattr("sys.argv", ["cx-pipeline", "migrate"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert said.err.count("\n") == 1
    assert "does not answer" in said.err
    assert "geheim" not in said.out + said.err
