from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cx_pipeline.adapters.access.local_secrets import local_secret
from cx_pipeline.core.errors import ConfigurationError


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "gateway" / "link-key"
    first = local_secret(path)
    assert len(first.get_secret_value()) > 40
    assert local_secret(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["link-key"]


def test_all_who_want_it_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: local_secret(tmp_path / "key").get_secret_value(), range(8)))
    assert len(made) == 1


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="file/key"):
        local_secret(tmp_path / "file" / "key")
