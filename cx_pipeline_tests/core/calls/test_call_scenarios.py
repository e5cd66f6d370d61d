"""Which facts make one call (specification of correlation, section 3), as pasted calls."""

from datetime import timedelta

from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline_tests.core.calls.scenario import correlated

PATIENT = CorrelationRules(max_silence=timedelta(hours=2))


def test_a_key_comes_again_a_second_after_its_call_ended() -> None:
    correlated("""
        time     | event   | key   | ext
        10:00:00 | STARTED | 1_100 |
        10:00:05 | TALKING | 1_100 | 1005
        10:02:00 | DROPPED | 1_100 | 1005
        10:02:00 | ENDED   | 1_100 |
        10:02:01 | STARTED | 1_100 |
        10:02:03 | TALKING | 1_100 | 1006
        10:04:00 | DROPPED | 1_100 | 1006
        10:04:00 | ENDED   | 1_100 |
    """).has_legs("""
        call | ext  | start    | end
        a    | 1005 | 10:00:05 | 10:02:00
        b    | 1006 | 10:02:03 | 10:04:00
    """).has_calls(
        "root | start | end | events\n1_100 | 10:00:00 | 10:02:00 | 4\n1_100 | 10:02:01 | 10:04:00 | 4"
    )


def test_after_the_end_any_fact_that_can_open_a_call_opens_another() -> None:
    correlated("""
        time     | event       | key   | ext
        10:00:05 | TALKING     | 1_100 | 1005
        10:02:00 | DROPPED     | 1_100 | 1005
        10:02:00 | ENDED       | 1_100 |
        10:02:09 | ESTABLISHED | 1_100 | 8001
        10:02:10 | RINGING     | 1_100 | 1006
        10:02:12 | TALKING     | 1_100 | 1006
        10:03:00 | DROPPED     | 1_100 | 1006
    """).has_legs("call | ext | parties\na | 1005 | 1005\nb | 1006 | 1006 8001")


def test_a_key_that_was_silent_for_longer_than_the_limit_begins_another_call() -> None:
    correlated(
        """
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        12:00:06 | TALKING | 1_100 | 1005
        12:02:00 | DROPPED | 1_100 | 1005
    """,
        rules=PATIENT,
    ).has_legs("""
        call | ext  | start    | end      | ends_as      | flags
        a    | 1005 | 10:00:05 | 10:00:05 | UNKNOWN      | END_ESTIMATED
        b    | 1005 | 12:00:06 | 12:02:00 | DIALOG_ENDED | -
    """)


def test_a_key_that_was_silent_for_just_the_limit_goes_on() -> None:
    correlated(
        """
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        12:00:05 | HELD    | 1_100 | 1005
        14:00:05 | TALKING | 1_100 | 1005
        16:00:05 | DROPPED | 1_100 | 1005
    """,
        rules=PATIENT,
    ).has_legs("ext | start | end | holds\n1005 | 10:00:05 | 16:00:05 | 12:00:05-14:00:05")


def test_a_key_that_starts_anew_has_lost_its_end() -> None:
    correlated("""
        time     | event        | key   | ext
        10:00:00 | STARTED      | 1_100 |
        10:00:05 | TALKING      | 1_100 | 1005
        10:02:00 | DISCONNECTED | 1_100 | 8001
        10:02:00 | DROPPED      | 1_100 | 1005
        10:30:00 | STARTED      | 1_100 |
        10:30:05 | TALKING      | 1_100 | 1005
        10:32:00 | DROPPED      | 1_100 | 1005
    """).has_legs("""
        call | ext  | start    | end      | type
        a    | 1005 | 10:00:05 | 10:02:00 | SIMPLE
        b    | 1005 | 10:30:05 | 10:32:00 | SIMPLE
    """)


def test_a_second_start_within_the_call_starts_nothing() -> None:
    correlated("""
        time     | event   | key   | ext
        10:00:00 | STARTED | 1_100 |
        10:00:05 | TALKING | 1_100 | 1005
        10:01:00 | STARTED | 1_100 |
        10:02:00 | DROPPED | 1_100 | 1005
        10:02:00 | ENDED   | 1_100 |
    """).has_legs("ext | start | end\n1005 | 10:00:05 | 10:02:00").has_calls("events\n5")


def test_ending_facts_shortly_after_the_end_belong_to_the_call_that_ended() -> None:
    correlated("""
        time         | event        | key   | ext
        10:00:05     | TALKING      | 1_100 | 1005
        10:02:00     | DROPPED      | 1_100 | 1005
        10:02:00     | ENDED        | 1_100 |
        10:02:03     | DISCONNECTED | 1_100 | 8001
        10:02:05     | ENDED        | 1_100 |
    """).has_legs("ext | end\n1005 | 10:02:00").has_calls("events | end\n5 | 10:02:05").has_quarantined()


def test_an_ending_fact_long_after_the_end_is_set_aside() -> None:
    correlated("""
        time         | event   | key   | ext
        10:00:05     | TALKING | 1_100 | 1005
        10:02:00     | DROPPED | 1_100 | 1005
        10:02:00     | ENDED   | 1_100 |
        10:02:05.001 | ENDED   | 1_100 |
    """).has_legs("ext | end\n1005 | 10:02:00").has_calls("events | end\n3 | 10:02:00").has_quarantined(
        ENDING_WITHOUT_CALL=1
    )


def test_ending_facts_alone_are_no_call() -> None:
    correlated("""
        time     | event        | key   | ext
        10:02:00 | DISCONNECTED | 1_100 | 8001
        10:02:00 | DROPPED      | 1_100 | 1005
        10:02:00 | FAILED       | 1_100 | 1006
        10:02:00 | ENDED        | 1_100 |
    """).has_no_legs().has_calls("root").has_quarantined(ENDING_WITHOUT_CALL=4)


def test_a_late_end_of_the_call_before_does_not_end_the_next_one() -> None:
    # Observation of the first call ends when the key's second call has begun.
    correlated("""
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        10:02:00 | DROPPED | 1_100 | 1005
        10:02:00 | ENDED   | 1_100 |
        10:02:01 | STARTED | 1_100 |
        10:02:03 | TALKING | 1_100 | 1006
        10:02:04 | ENDED   | 1_100 |
        10:03:00 | HELD    | 1_100 | 1006
        10:03:20 | TALKING | 1_100 | 1006
        10:04:00 | DROPPED | 1_100 | 1006
        10:04:00 | ENDED   | 1_100 |
    """).has_legs("""
        call | ext  | start    | end      | holds             | flags
        a    | 1005 | 10:00:05 | 10:02:00 | -                 | -
        b    | 1006 | 10:02:03 | 10:04:00 | 10:03:00-10:03:20 | -
    """)


def test_talk_goes_on_after_observation_ended_in_the_middle_of_the_call() -> None:
    correlated("""
        time     | event                  | key   | ext
        10:00:00 | STARTED                | 1_100 |
        10:00:05 | TALKING                | 1_100 | 1005
        10:01:00 | CallObservationEndedEv | 1_100 |
        10:03:00 | HELD                   | 1_100 | 1005
        10:03:30 | TALKING                | 1_100 | 1005
        10:05:00 | DROPPED                | 1_100 | 1005
        10:05:00 | ENDED                  | 1_100 |
    """).has_legs("""
        ext  | start    | end      | holds             | flags | ends_as
        1005 | 10:00:05 | 10:05:00 | 10:03:00-10:03:30 | -     | DIALOG_ENDED
    """).has_calls("events\n7").has_quarantined()


def test_a_drop_long_after_observation_ended_in_the_middle_of_the_call_is_its_end() -> None:
    correlated("""
        time     | event                  | key   | ext
        10:00:05 | TALKING                | 1_100 | 1005
        10:01:00 | CallObservationEndedEv | 1_100 |
        10:05:00 | DROPPED                | 1_100 | 1005
    """).has_legs("ext | end | flags\n1005 | 10:05:00 | -").has_quarantined()


def test_a_key_whose_observation_ended_in_the_middle_of_the_call_may_start_another() -> None:
    correlated("""
        time     | event                  | key   | ext
        10:00:05 | TALKING                | 1_100 | 1005
        10:01:00 | CallObservationEndedEv | 1_100 |
        10:30:00 | STARTED                | 1_100 |
        10:30:05 | TALKING                | 1_100 | 1006
        10:31:00 | DROPPED                | 1_100 | 1006
    """).has_legs("""
        call | ext  | start    | end      | flags
        a    | 1005 | 10:00:05 | 10:01:00 | END_ESTIMATED
        b    | 1006 | 10:30:05 | 10:31:00 | -
    """)


def test_a_chain_of_transfers_is_one_call_in_any_order_of_arrival() -> None:
    correlated("""
        time     | event   | key   | ext  | previous
        10:00:00 | STARTED | 1_100 |      |
        10:00:05 | TALKING | 1_100 | 1005 |
        10:01:00 | DROPPED | 1_100 | 1005 |
        10:03:03 | TALKING | 1_400 | 1008 | 1_300
        10:04:00 | DROPPED | 1_400 | 1008 |
        10:01:03 | TALKING | 1_200 | 1006 | 1_100
        10:02:00 | DROPPED | 1_200 | 1006 |
        10:02:03 | TALKING | 1_300 | 1007 | 1_200
        10:03:00 | DROPPED | 1_300 | 1007 |
    """).has_legs("""
        call | ext  | root  | number | from | to   | starts_as       | ends_as
        a    | 1005 | 1_100 | 1      | -    | 1006 | INBOUND         | DIRECT_TRANSFER
        a    | 1006 | 1_100 | 2      | 1005 | 1007 | DIRECT_TRANSFER | DIRECT_TRANSFER
        a    | 1007 | 1_100 | 3      | 1006 | 1008 | DIRECT_TRANSFER | DIRECT_TRANSFER
        a    | 1008 | 1_100 | 4      | 1007 | -    | DIRECT_TRANSFER | DIALOG_ENDED
    """).has_calls("keys | type | legs\n1_100 1_200 1_300 1_400 | DIRECT_TRANSFER | 4")


def test_a_call_that_is_named_but_never_seen_joins_those_that_name_it() -> None:
    correlated("""
        time     | event   | key   | ext  | previous
        10:00:05 | TALKING | 1_200 | 1005 | 1_100
        10:01:00 | DROPPED | 1_200 | 1005 |
        10:01:03 | TALKING | 1_300 | 1006 | 1_100
        10:02:00 | DROPPED | 1_300 | 1006 |
    """).has_legs("call | ext\na | 1005\na | 1006").has_calls("root | keys\n1_200 | 1_200 1_300")


def test_a_key_never_seen_near_joins_those_that_name_it_though_it_lived_long_ago() -> None:
    correlated("""
        time         | event   | key   | ext  | previous
        10:00:05     | TALKING | 1_100 | 1009 |
        10:01:00     | DROPPED | 1_100 | 1009 |
        10:01:00     | ENDED   | 1_100 |      |
        +3d 10:00:05 | TALKING | 1_200 | 1005 | 1_100
        +3d 10:01:00 | DROPPED | 1_200 | 1005 |
        +3d 10:01:03 | TALKING | 1_300 | 1006 | 1_100
        +3d 10:02:00 | DROPPED | 1_300 | 1006 |
    """).has_legs("call | ext\nold | 1009\nnew | 1005\nnew | 1006")


def test_a_reference_means_the_life_of_the_key_that_was_alive() -> None:
    correlated("""
        time     | event   | key   | ext  | previous
        09:00:05 | TALKING | 1_100 | 1009 |
        09:10:00 | DROPPED | 1_100 | 1009 |
        09:10:00 | ENDED   | 1_100 |      |
        10:00:05 | TALKING | 1_100 | 1005 |
        10:05:00 | TALKING | 1_200 | 1006 | 1_100
        10:10:00 | DROPPED | 1_100 | 1005 |
        10:10:00 | ENDED   | 1_100 |      |
        10:12:00 | DROPPED | 1_200 | 1006 |
        11:00:05 | TALKING | 1_100 | 1008 |
        11:10:00 | DROPPED | 1_100 | 1008 |
    """).has_legs("call | ext\nx | 1009\na | 1005\na | 1006\ny | 1008")


def test_a_call_that_names_itself_is_itself() -> None:
    correlated("""
        time     | event   | key   | ext  | previous
        10:00:05 | TALKING | 1_100 | 1005 | 100/1
        10:01:00 | DROPPED | 1_100 | 1005 | 1_100
    """).has_legs("call | ext\na | 1005").has_calls("keys\n1_100")


def test_a_link_joins_what_two_switches_report() -> None:
    correlated("""
        time     | event   | key    | ext  | link | link_role | source
        10:00:05 | TALKING | 1_100  | 1005 | L-7  | origin    | genesys
        10:01:00 | DROPPED | 1_100  | 1005 | L-7  | origin    | genesys
        10:01:03 | TALKING | beef-1 | 7005 | L-7  | dest      | genesys
        10:02:00 | DROPPED | beef-1 | 7005 |      |           | genesys
        10:01:04 | TALKING | 1_300  | 1006 | L-8  | origin    | genesys
        10:02:00 | DROPPED | 1_300  | 1006 |      |           | genesys
    """).has_legs("call | ext\na | 1005\na | 7005\nb | 1006")


def test_a_link_that_comes_again_after_a_long_silence_joins_nothing() -> None:
    correlated("""
        time         | event   | key    | ext  | link
        10:00:05     | TALKING | 1_100  | 1005 | L-7
        10:01:00     | DROPPED | 1_100  | 1005 |
        +2d 10:01:03 | TALKING | 1_200  | 7005 | L-7
        +2d 10:02:00 | DROPPED | 1_200  | 7005 |
    """).has_legs("call | ext\na | 1005\nb | 7005")


def test_links_and_references_join_nothing_across_tenants() -> None:
    correlated("""
        time     | event   | key   | ext  | link | previous | tenant
        10:00:05 | TALKING | 1_100 | 1005 | L-7  |          | red
        10:01:00 | DROPPED | 1_100 | 1005 |      |          | red
        10:00:06 | TALKING | 1_200 | 1006 | L-7  | 1_100    | blue
        10:01:00 | DROPPED | 1_200 | 1006 |      |          | blue
        10:00:07 | TALKING | 1_100 | 1007 |      |          | blue
        10:01:00 | DROPPED | 1_100 | 1007 |      |          | blue
    """).has_legs("""
        call | tenant | ext  | root
        r    | red    | 1005 | 1_100
        b    | blue   | 1006 | 1_200
        b    | blue   | 1007 | 1_200
    """)


def test_the_rest_of_a_transferred_call_is_no_new_leg() -> None:
    # The guide's fake leg: key 1_200 begins with TRANSFER and TALKING of who talked on the consult before.
    correlated("""
        time         | event    | key   | ext  | previous
        10:00:00     | STARTED  | 1_100 |      |
        10:00:05     | TALKING  | 1_100 | 1006 |
        10:02:00.000 | DROPPED  | 1_100 | 1006 |
        10:02:00.000 | TRANSFER | 1_200 | 1005 | 1_100
        10:02:00.050 | TALKING  | 1_200 | 1006 |
        10:04:00     | DROPPED  | 1_200 | 1006 |
        10:04:00     | ENDED    | 1_200 |      |
    """).has_legs("ext | start | end | flags\n1006 | 10:00:05 | 10:04:00 | -")


def test_the_rest_of_a_transfer_that_nothing_joins_is_an_artefact() -> None:
    correlated("""
        time         | event    | key   | ext  | previous
        10:02:00.000 | TRANSFER | 1_200 | 1005 |
        10:02:00.050 | TALKING  | 1_200 | 1006 |
        10:04:00     | DROPPED  | 1_200 | 1006 |
    """).has_legs("ext | start | end | flags\n1006 | 10:02:00.050 | 10:04:00 | ARTEFACT UNREPORTABLE")


def test_the_call_is_named_after_the_key_of_its_first_fact_that_says_something() -> None:
    first = """
        time     | event                | key   | ext  | previous
        10:00:00 | STARTED              | 1_900 |      |
        10:00:05 | TALKING              | 1_900 | 1005 |
        10:01:00 | CONSULT              | 1_100 | 1005 | 1_900
        10:02:00 | DROPPED              | 1_900 | 1005 |
    """
    early = first + "09:59:59 | CallCtlConnNetworkReachedEv | 1_100 | 8001 |\n"
    plain = correlated(first).has_calls("root | start\n1_900 | 10:00:00")
    noisy = correlated(early).has_calls("root | start\n1_900 | 10:00:00")
    assert plain.only_leg["call_id"] == noisy.only_leg["call_id"]
    assert plain.only_leg["leg_id"] == noisy.only_leg["leg_id"]


def test_a_call_without_a_leg_is_kept_until_it_ends() -> None:
    correlated("""
        time     | event        | key   | ext
        10:00:00 | STARTED      | 1_100 |
        10:00:01 | QUEUED       | 1_100 | 8001
        10:03:00 | DISCONNECTED | 1_100 | 8001
        10:03:00 | ENDED        | 1_100 |
        10:03:00 | STARTED      | 1_200 |
        10:03:01 | QUEUED       | 1_200 | 8001
    """).has_no_legs().has_calls("""
        root  | status      | start    | end      | legs | parties
        1_100 | COMPLETED   | 10:00:00 | 10:03:00 | 0    | 8001
        1_200 | IN_PROGRESS | 10:03:00 | -        | 0    | 8001
    """)


def test_a_call_ends_by_silence_though_other_events_go_on() -> None:
    correlated(
        """
        time     | event              | key   | ext
        10:00:05 | TALKING            | 1_100 | 1005
        11:30:00 | CiscoCallChangedEv | 1_100 | 1005
    """,
        rules=PATIENT,
        as_of="12:30:00",
    ).has_legs("ext | end | ends_as | flags\n1005 | 10:00:05 | UNKNOWN | END_ESTIMATED")


def test_a_late_other_fact_of_a_key_that_lived_long_ago_is_none_of_its_call() -> None:
    # Otherwise a call's count of events would depend on how far around a window one looked.
    correlated("""
        time         | event           | key   | ext
        10:00:05     | TALKING         | 1_100 | 1005
        10:01:00     | DROPPED         | 1_100 | 1005
        +3d 10:00:00 | ProvInServiceEv | 1_100 |
    """).has_calls("events\n2").has_quarantined(NOT_PART_OF_A_CALL=1)


def test_facts_without_tenant_are_of_the_tenant_of_their_key() -> None:
    correlated("""
        time     | event   | key   | ext  | tenant
        10:00:00 | STARTED | 1_100 |      |
        10:00:05 | TALKING | 1_100 | 1005 | red
        10:01:00 | DROPPED | 1_100 | 1005 | red
        10:01:00 | ENDED   | 1_100 |      |
        10:00:00 | STARTED | 1_200 |      |
        10:00:06 | TALKING | 1_200 | 1005 |
    """).has_calls("tenant | root | events | start\ndefault | 1_200 | 2 |\nred | 1_100 | 4 | 10:00:00")


def test_facts_without_tenant_of_a_key_of_two_tenants_are_of_neither() -> None:
    correlated("""
        time     | event   | key   | ext  | tenant
        10:00:00 | STARTED | 1_100 |      |
        10:00:05 | TALKING | 1_100 | 1005 | red
        10:01:00 | DROPPED | 1_100 | 1005 | red
        10:00:06 | TALKING | 1_100 | 1006 | blue
        10:01:00 | DROPPED | 1_100 | 1006 | blue
    """).has_calls("tenant | root | events\ndefault | 1_100 | 1\nred | 1_100 | 2\nblue | 1_100 | 2")


def test_a_key_that_another_tenant_had_days_ago_does_not_hide_the_tenant() -> None:
    correlated("""
        time         | event   | key   | ext  | tenant
        10:00:05     | TALKING | 1_100 | 1005 | red
        10:01:00     | DROPPED | 1_100 | 1005 | red
        +3d 10:00:00 | STARTED | 1_100 |      |
        +3d 10:00:06 | TALKING | 1_100 | 1006 | blue
        +3d 10:01:00 | DROPPED | 1_100 | 1006 | blue
    """).has_calls("tenant | root | events\nred | 1_100 | 2\nblue | 1_100 | 3")


def test_other_facts_count_for_the_call_of_their_key_and_time() -> None:
    correlated("""
        time     | event              | key   | ext
        10:00:05 | TALKING            | 1_100 | 1005
        10:00:30 | CiscoCallChangedEv | 1_100 | 1005
        10:00:40 | CiscoCallChangedEv | 1_100 | 1006
        10:01:00 | DROPPED            | 1_100 | 1005
        10:01:00 | ENDED              | 1_100 |
        10:01:30 | CiscoCallChangedEv | 1_100 | 1005
        10:01:59 | STARTED            | 1_100 |
        10:02:05 | TALKING            | 1_100 | 1005
        10:02:06 | CiscoCallChangedEv | 1_100 | 1005
        10:02:10 | DROPPED            | 1_100 | 1005
        10:00:00 | CiscoCallChangedEv | 1_200 |
        10:00:06 | TALKING            | 1_200 | 1006
        10:00:07 | TALKING            | 1_300 | 1007
        10:00:08 | TALKING            | 1_400 | 1008
    """).has_calls("""
        root  | start    | events
        1_100 | 10:00:05 | 6
        1_200 | 10:00:06 | 2
        1_300 | 10:00:07 | 1
        1_400 | 10:00:08 | 1
        1_100 | 10:01:59 | 4
    """)


def test_an_other_fact_shortly_before_a_call_is_its_own_where_the_call_before_is_long_past() -> None:
    correlated("""
        time         | event           | key   | ext
        10:00:05     | TALKING         | 1_100 | 1005
        10:01:00     | DROPPED         | 1_100 | 1005
        10:01:00     | ENDED           | 1_100 |
        +1d 09:59:59 | ProvInServiceEv | 1_100 |
        +1d 10:00:05 | TALKING         | 1_100 | 1006
        +1d 10:01:00 | DROPPED         | 1_100 | 1006
    """).has_calls("start | events\n10:00:05 | 3\n+1d 10:00:05 | 3")
