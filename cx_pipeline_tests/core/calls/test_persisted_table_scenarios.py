"""The dialect of the persisted table (specification of correlation, section 1), as pasted calls."""

from cx_pipeline_tests.core.calls.scenario import correlated


def test_a_connected_call_that_came_in_is_of_the_called_agent() -> None:
    correlated("""
        time     | event             | key    | connection | calling | called | direction
        10:00:00 | CALL_CONNECTED    | 400001 | c1         | +1555   | 1005   | INBOUND
        10:02:00 | CALL_DISCONNECTED | 400001 | c1         | +1555   | 1005   | INBOUND
    """).has_legs("""
        ext  | start    | end      | type   | direction | other | parties    | flags
        1005 | 10:00:00 | 10:02:00 | SIMPLE | INBOUND   | +1555 | 1005 +1555 | -
    """)


def test_a_connected_call_that_went_out_is_of_the_calling_agent() -> None:
    correlated("""
        time     | event             | key    | connection | calling | called | direction | calling_terminal
        10:00:00 | CALL_CONNECTED    | 400001 | c1         | 1005    | +1555  | OUTBOUND  | SEPA
        10:01:00 | CALL_HELD         | 400001 | c1         | 1005    | +1555  | OUTBOUND  | SEPA
        10:01:30 | CALL_RESUMED      | 400001 | c1         | 1005    | +1555  | OUTBOUND  | SEPA
        10:02:00 | CALL_DISCONNECTED | 400001 | c1         | 1005    | +1555  | OUTBOUND  | SEPA
    """).has_legs("""
        ext  | start    | end      | type     | direction | starts_as | other | holds             | terminal | flags
        1005 | 10:00:00 | 10:02:00 | OUTBOUND | OUTBOUND  | OUTBOUND  | +1555 | 10:01:00-10:01:30 | SEPA     | -
    """)


def test_an_internal_call_is_of_the_called_agent() -> None:
    correlated("""
        time     | event             | key    | connection | calling | called | direction
        10:00:00 | CALL_CONNECTED    | 400001 | c1         | 1004    | 1005   | INTERNAL
        10:02:00 | CALL_DISCONNECTED | 400001 | c1         | 1004    | 1005   | INTERNAL
    """).has_legs("ext | start | end\n1005 | 10:00:00 | 10:02:00")


def test_without_connection_ids_the_two_ends_tell_the_connection() -> None:
    correlated("""
        time     | event             | key    | calling | called | direction
        10:00:00 | CALL_CONNECTED    | 400001 | +1555   | 1005   | INBOUND
        10:01:00 | CALL_HELD         | 400001 | +1555   | 1005   | INBOUND
        10:01:30 | CALL_RESUMED      | 400001 | +1555   | 1005   | INBOUND
        10:02:00 | CALL_DISCONNECTED | 400001 | +1555   | 1005   | INBOUND
        10:02:03 | CALL_CONNECTED    | 400001 | +1555   | 1006   | INBOUND
        10:03:00 | CALL_DISCONNECTED | 400001 | +1555   | 1006   | INBOUND
    """).has_legs("""
        ext  | start    | end      | type            | holds
        1005 | 10:00:00 | 10:02:00 | DIRECT_TRANSFER | 10:01:00-10:01:30
        1006 | 10:02:03 | 10:03:00 | DIRECT_TRANSFER | -
    """)


def test_a_hold_without_direction_is_of_who_was_connected() -> None:
    correlated("""
        time     | event             | key    | connection | calling | called | direction
        10:00:00 | CALL_CONNECTED    | 400001 | c1         | +1555   | 1005   | INBOUND
        10:01:00 | CALL_HELD         | 400001 | c1         | +1555   | 1005   |
        10:01:30 | CALL_RESUMED      | 400001 | c1         | +1555   | 1005   |
        10:02:00 | CALL_DISCONNECTED | 400001 | c1         | +1555   | 1005   |
    """).has_legs("ext | start | end | holds\n1005 | 10:00:00 | 10:02:00 | 10:01:00-10:01:30")


def test_a_held_call_whose_connect_was_lost_goes_by_the_same_rule() -> None:
    correlated("""
        time     | event             | key    | connection | calling | called | direction
        10:01:00 | CALL_HELD         | 400001 | c1         | +1555   | 1005   | INBOUND
        10:01:30 | CALL_RESUMED      | 400001 | c1         | +1555   | 1005   | INBOUND
        10:02:00 | CALL_DISCONNECTED | 400001 | c1         | +1555   | 1005   | INBOUND
    """).has_legs("ext | start | end | flags\n1005 | 10:01:00 | 10:02:00 | START_ESTIMATED")


def test_the_disconnect_of_a_connection_that_no_agent_had_is_of_the_other_party() -> None:
    correlated("""
        time     | event             | key    | connection | calling | called | direction
        10:00:00 | CALL_CONNECTED    | 400001 | c1         | +1555   | 1005   | INBOUND
        10:02:00 | CALL_DISCONNECTED | 400001 | c0         | +1555   | 1005   | INBOUND
        10:02:01 | CALL_DISCONNECTED | 400001 | c1         | +1555   | 1005   | INBOUND
    """).has_legs("ext | end | flags\n1005 | 10:02:01 | -").has_calls("parties\n1005 +1555")


def test_a_disconnect_alone_is_no_call() -> None:
    correlated("""
        time     | event             | key    | connection | calling | called | direction
        10:02:00 | CALL_DISCONNECTED | 400001 | c0         | +1555   | 1005   | INBOUND
    """).has_no_legs().has_quarantined(ENDING_WITHOUT_CALL=1)


def test_a_consult_that_becomes_a_transfer() -> None:
    correlated("""
        time         | event                | key    | connection | calling | called | direction | previous
        10:00:00     | CALL_CONNECTED       | 400010 | c1         | +1555   | 1005   | INBOUND   |
        10:02:00     | CALL_HELD            | 400010 | c1         | +1555   | 1005   | INBOUND   |
        10:02:01     | CALL_CONSULT_STARTED | 400011 | c2         | 1005    | 1006   | INTERNAL  | 400010
        10:02:05     | CALL_CONNECTED       | 400011 | c2         | 1005    | 1006   | INTERNAL  | 400010
        10:03:00     | CALL_TRANSFERRED     | 400010 | c1         | 1005    | 1006   | INBOUND   | 400011
        10:03:00.050 | CALL_DISCONNECTED    | 400011 | c2         | 1005    | 1006   | INTERNAL  |
        10:03:00.060 | CALL_DISCONNECTED    | 400010 | c1         | +1555   | 1005   | INBOUND   |
        10:03:00.070 | CALL_CONNECTED       | 400010 | c3         | +1555   | 1006   | INBOUND   |
        10:06:00     | CALL_DISCONNECTED    | 400010 | c3         | +1555   | 1006   | INBOUND   |
    """).has_legs("""
        ext  | start    | end          | type             | starts_as        | ends_as          | holds             | other
        1005 | 10:00:00 | 10:03:00.060 | CONSULT_TRANSFER | INBOUND          | CONSULT_TRANSFER | 10:02:00-10:03:00 | +1555
        1006 | 10:02:05 | 10:06:00     | CONSULT_TRANSFER | CONSULT_TRANSFER | DIALOG_ENDED     | -                 | +1555
    """)


def test_a_consult_that_is_cancelled() -> None:
    correlated("""
        time     | event                | key    | connection | calling | called | direction | previous
        10:00:00 | CALL_CONNECTED       | 400010 | c1         | +1555   | 1005   | INBOUND   |
        10:02:00 | CALL_HELD            | 400010 | c1         | +1555   | 1005   | INBOUND   |
        10:02:01 | CALL_CONSULT_STARTED | 400011 | c2         | 1005    | 1006   | INTERNAL  | 400010
        10:02:05 | CALL_CONNECTED       | 400011 | c2         | 1005    | 1006   | INTERNAL  | 400010
        10:03:00 | CALL_DISCONNECTED    | 400011 | c2         | 1005    | 1006   | INTERNAL  |
        10:03:05 | CALL_RESUMED         | 400010 | c1         | +1555   | 1005   | INBOUND   |
        10:06:00 | CALL_DISCONNECTED    | 400010 | c1         | +1555   | 1005   | INBOUND   |
    """).has_legs("""
        ext  | start    | end      | type    | result    | ends_as       | holds
        1005 | 10:00:00 | 10:06:00 | CONSULT | CANCELLED | DIALOG_ENDED  | 10:02:00-10:03:05
        1006 | 10:02:05 | 10:03:00 | CONSULT | CANCELLED | CONSULT_ENDED | -
    """)


def test_both_sources_may_report_one_site_but_never_one_fact() -> None:
    correlated("""
        time     | event             | key   | ext  | connection | calling | called | direction | source
        10:00:00 | TALKING           | 1_100 | 1005 |            |         |        |           | jtapi
        10:02:00 | DROPPED           | 1_100 | 1005 |            |         |        |           | jtapi
        10:00:00 | CALL_CONNECTED    | 1_200 |      | c1         | +1555   | 1005   | INBOUND   | jtapi_table
        10:02:00 | CALL_DISCONNECTED | 1_200 |      | c1         | +1555   | 1005   | INBOUND   | jtapi_table
    """).has_legs("call | ext | start | end\na | 1005 | 10:00:00 | 10:02:00\nb | 1005 | 10:00:00 | 10:02:00")


def test_the_source_is_told_by_the_name_where_it_is_not_said() -> None:
    with_source = correlated("""
        time     | event          | key   | called | calling | direction | source
        10:00:00 | CALL_CONNECTED | 1_200 | 1005   | +1555   | INBOUND   | jtapi_table
    """)
    without = correlated("""
        time     | event          | key   | called | calling | direction
        10:00:00 | CALL_CONNECTED | 1_200 | 1005   | +1555   | INBOUND
    """)
    assert with_source.only_leg == without.only_leg
