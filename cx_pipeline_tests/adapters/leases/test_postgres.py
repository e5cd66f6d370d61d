"""The lease in PostgreSQL: one holder at a time, and another soon after it is gone."""

import psycopg
import pytest
from pydantic import SecretStr

from cx_pipeline.adapters.leases.postgres import PostgresLease, lease_key
from cx_pipeline_tests.adapters.leases.holders import holder
from cx_pipeline_tests.waiting import eventually

TAKE_OVER_S = 10.0


def sessions(url: SecretStr) -> list[int]:
    with psycopg.connect(url.get_secret_value()) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2"
        )
        return [pid for (pid,) in rows]


def test_of_two_processes_one_holds_it_and_the_other_within_ten_seconds_of_its_kill(database_url: SecretStr):
    url = database_url.get_secret_value()
    with holder("postgres", url, "jtapi") as first:
        first.wait_until("held")
        with holder("postgres", url, "jtapi") as second:
            assert second.said() == "free"
            assert second.says_nothing(0.6)
            first.process.kill()
            assert second.said(TAKE_OVER_S) == "held"


def test_a_holder_whose_session_is_ended_steps_down_and_the_other_takes_over(database_url: SecretStr):
    with PostgresLease(database_url, "jtapi") as one:
        assert eventually(lambda: one.is_held)
        with PostgresLease(database_url, "jtapi") as other:
            with psycopg.connect(database_url.get_secret_value()) as connection:
                connection.execute("SELECT pg_terminate_backend(%s)", sessions(database_url))
            assert eventually(lambda: one.is_held is False)
            assert eventually(lambda: other.is_held or one.is_held)
            assert not (one.is_held and other.is_held)


def test_a_session_that_proves_nothing_is_ended_by_the_server_and_its_holder_believes_in_it_no_more(
    database_url: SecretStr, monkeypatch: pytest.MonkeyPatch
):
    """As after a hang, or when the holder's host is gone: nothing comes any more, and no connection is closed."""
    monkeypatch.setattr("cx_pipeline.adapters.leases.postgres.PROOF_EVERY_S", 60.0)
    monkeypatch.setattr("cx_pipeline.adapters.leases.postgres.SILENCE_S", 1)
    monkeypatch.setattr("cx_pipeline.adapters.leases.postgres.VALID_S", 0.5)
    with PostgresLease(database_url, "jtapi") as silent:
        assert eventually(lambda: bool(sessions(database_url)))
        with PostgresLease(database_url, "jtapi") as other:
            assert eventually(lambda: other.is_held)
            assert not silent.is_held


def test_leases_of_different_names_and_an_end_in_order_hinder_nobody(database_url: SecretStr):
    with PostgresLease(database_url, "a") as one, PostgresLease(database_url, "b") as other:
        assert eventually(lambda: one.is_held and other.is_held)
    with PostgresLease(database_url, "a") as again:
        assert eventually(lambda: again.is_held)
    assert not again.is_held


def test_a_database_that_is_away_is_told_without_its_secret():
    with PostgresLease(SecretStr("postgresql://u:a-secret@127.0.0.1:9/none"), "a") as lease:
        assert eventually(lambda: bool(lease.trouble))
        assert "a-secret" not in lease.trouble
        assert not lease.is_held


def test_the_number_of_a_name_is_always_the_same():
    assert lease_key("jtapi") == lease_key("jtapi") != lease_key("jtapi2")
    assert -(2**31) <= lease_key("jtapi") < 2**31
