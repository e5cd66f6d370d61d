import asyncio
import json
import os

import pytest

from cx_pipeline.core.errors import InputError
from cx_pipeline.simulator.ccm.journal import Journal


def append(file, *entries):
    async def run():
        journal = Journal(file)
        journal.open()
        await asyncio.gather(*(journal.append(entry) for entry in entries))
        await journal.close()

    asyncio.run(run())


def test_entries_are_read_again_in_the_order_of_their_coming(tmp_path):
    file = tmp_path / "new" / "journal.ndjson"
    append(file, *({"n": n} for n in range(50)))
    append(file, {"n": 50, "text": "ä\n"})
    assert [entry["n"] for entry in Journal(file).read()] == [*range(51)]


def test_entries_that_wait_together_share_one_write_to_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    append(tmp_path / "journal.ndjson", *({"n": n} for n in range(200)))
    assert 1 <= len(synced) <= 3


def test_an_entry_is_on_disk_when_append_returns(tmp_path):
    file = tmp_path / "journal.ndjson"

    async def run():
        journal = Journal(file)
        journal.open()
        await journal.append({"n": 1})
        on_disk = json.loads(file.read_text())
        await journal.close()
        return on_disk

    assert asyncio.run(run()) == {"n": 1}


def test_a_last_line_that_was_cut_off_is_removed(tmp_path):
    file = tmp_path / "journal.ndjson"
    append(file, {"n": 1})
    with file.open("ab") as out:
        out.write(b'{"n": 2, "te')
    assert [*Journal(file).read()] == [{"n": 1}]
    append(file, {"n": 3})
    assert [*Journal(file).read()] == [{"n": 1}, {"n": 3}]


def test_a_file_that_is_no_journal_is_named_with_the_line(tmp_path):
    file = tmp_path / "journal.ndjson"
    file.write_text('{"n": 1}\nnonsense\n')
    with pytest.raises(InputError, match=r"journal\.ndjson, line 2"):
        list(Journal(file).read())


def test_once_it_cannot_be_written_nothing_is_kept_any_more(tmp_path, monkeypatch):
    def full(_):
        raise OSError("no space left")

    async def run():
        journal = Journal(tmp_path / "journal.ndjson")
        journal.open()
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="no space"):
                await journal.append({"n": 1})
        with pytest.raises(OSError, match="no space"):
            await journal.append({"n": 2})
        await journal.close()

    asyncio.run(run())


def test_without_a_file_nothing_is_kept():
    append(None, {"n": 1})
    assert [*Journal(None).read()] == []
