"""Every fault that concerns a client, and the tests that show what becomes of it: a typed error, and nothing else.

``FAULTS`` is a table for whoever looks for a fault; the test below sees that all that is named there exists.
"""

from __future__ import annotations

import importlib

import pytest

_SPOILED = "transports.test_spoiled_answers::"
_FAILS = f"{_SPOILED}test_a_job_fails_with_what_happened_and_no_other_does"
_ODD = f"{_SPOILED}test_an_answer_that_is_odd_is_an_answer"
_FILE = f"{_SPOILED}test_a_file_that_does_not_go_through_fails_its_job_and_leaves_nothing"
_FRAME = f"{_SPOILED}test_a_file_comes_whole_in_any_frame"
_CONNECTING = f"{_SPOILED}test_what_keeps_a_client_from_connecting_is_told"
_OLD = f"{_SPOILED}test_a_channel_of_an_older_generation_that_breaks_fails_its_job_alone"
_OLD_PIECES = f"{_SPOILED}test_a_channel_of_an_older_generation_may_come_in_any_pieces"
_BAD = "transports.test_bad_servers::"

FAULTS: dict[str, tuple[str, ...]] = {
    # --- connect
    "refused": (
        f"{_BAD}test_a_port_where_nobody_listens",
        f"{_BAD}test_a_name_with_several_addresses_where_nobody_listens",
    ),
    "reset on accept": (f"{_BAD}test_something_that_resets", f"{_BAD}test_something_that_closes_at_once"),
    "accepted, then nothing": (
        f"{_BAD}test_a_server_that_never_answers",
        f"{_BAD}test_a_server_that_never_finishes_its_handshake",
    ),
    "a bad certificate": ("transports.test_tls::test_a_stranger_is_not_trusted",),
    "broken while connecting": (_CONNECTING, "core.test_joined::test_a_cut_at_any_byte_while_connecting_is_told_once"),
    # --- request
    "reset after the headers": (_FAILS, _FILE),
    "reset in the middle of an upload": (
        _FILE,
        "core.test_calls::test_an_upload_whose_connection_breaks_fails_its_job",
    ),
    "refused in the middle of an upload": (f"{_BAD}test_an_upload_that_is_refused_early_says_why",),
    "read slowly or not at all": (
        f"{_BAD}test_an_upload_that_is_left_in_the_middle_closes_its_file",
        "core.test_calls::test_an_upload_may_take_as_long_as_it_moves",
    ),
    "a connection that is closed while it is idle": (
        f"{_BAD}test_connections_that_the_server_closed_meanwhile_do_no_harm",
        f"{_SPOILED}test_a_join_over_a_connection_that_is_closed_at_that_moment_is_not_sent_again",
    ),
    # --- HTTP
    "a status with a body and Retry-After": (_FAILS, "core.test_answers::test_a_429_says_what_the_server_said_of_it"),
    "a redirect": (_FAILS, "core.test_exchanges::test_a_post_is_not_sent_to_another_origin"),
    "HTML instead of JSON": (_FAILS, f"{_BAD}test_a_web_server_that_is_no_gradio_app"),
    "gzip": (_FAILS, _FILE, "core.test_exchanges::test_an_answer_that_is_compressed_unasked_is_refused_as_such"),
    "a wrong content type": (_FAILS, _ODD),
    "any framing, HTTP/1.0": (_ODD, _FRAME),
    "no HTTP": (_FAILS, f"{_BAD}test_something_that_does_not_speak_http"),
    # --- event streams
    "late headers, a slow first event": (f"{_SPOILED}test_a_stream_that_stalls_is_given_up",),
    "pieces of any size": (_ODD, _OLD_PIECES, "core.test_streams::test_a_conversation_is_the_same_in_any_pieces"),
    "CRLF, byte order mark, comments": (_ODD, "core.test_sse::test_any_stream_is_read_by_the_standards_own_steps"),
    "coalesced, buffered until the end": (_ODD,),
    "a stall": (f"{_SPOILED}test_a_stream_that_stalls_is_given_up",),
    "truncated or disconnected": (_FAILS, _OLD, f"{_BAD}test_a_stream_that_is_cut_fails_its_jobs_and_no_others"),
    "corrupt JSON": (_FAILS, "core.test_streams::test_what_is_no_message_breaks_the_stream"),
    "an event that is too large": ("core.test_streams::test_an_event_larger_than_any_real_one_breaks_the_stream",),
    "U+0085 and U+2028": (_ODD, "transports.test_hard_use::test_any_text_comes_out_as_it_went_in"),
    # --- protocol
    "queue full": (_FAILS,),
    "ranks that go up": (_ODD,),
    "an unknown message": (_ODD,),
    "a duplicate completion, a completion before the start": (_ODD,),
    "a foreign event id": (_ODD, "core.test_streams::test_an_error_of_an_event_that_is_not_ours_harms_nobody"),
    "missing fields, extra fields": (_ODD, "core.test_messages::test_fields_of_a_wrong_type_count_as_missing"),
    "failure with and without a text": (_FAILS,),
    "unexpected_error with and without an event id": (_FAILS,),
    "server stopped": (_FAILS,),
    "early close_stream": (
        _ODD,
        f"{_SPOILED}test_a_completion_that_the_server_keeps_to_itself_is_waited_for_as_long_as_a_job_may_run",
    ),
    "no heartbeat": (_ODD, "core.test_connect::test_a_heartbeat_that_stops_is_tried_again_less_and_less_often"),
    "session lost": (_FAILS, "transports.test_hard_use::test_several_jobs_of_a_session_that_is_lost_hear_of_it"),
    "an edit of the wrong base": (
        f"{_SPOILED}test_an_edit_of_something_that_was_never_said_costs_that_output_only",
        "core.test_messages::test_an_edit_that_cannot_be_applied_costs_the_outputs_until_a_whole_one",
    ),
    "401 in the middle": (
        _FAILS,
        "core.test_exchanges::test_a_later_401_logs_in_again_once_for_all_requests_that_got_one",
    ),
    "a quota": (_FAILS,),
    "no answer to the join": (f"{_SPOILED}test_a_join_that_is_never_answered_is_given_up",),
    # --- files
    "a short body, a wrong length": (_FILE, f"{_BAD}test_a_download_that_breaks_leaves_no_file"),
    "403, 404": (_FILE, "transports.test_files::test_a_file_that_the_app_does_not_have_cannot_be_read"),
    "an ignored range": (_FRAME,),
    "odd names": ("core.test_files::test_a_clean_name_is_safe_and_stays_as_it_is",),
    # --- life cycle
    "a restart": (
        f"{_BAD}test_a_server_that_is_gone_in_the_middle",
        "core.test_joined::test_a_server_that_is_restarted_fails_what_was_there_and_takes_what_comes",
    ),
    "a sleeping Space": (_CONNECTING,),
    # --- WebSockets
    "a WebSocket that breaks, is refused or falls silent": (
        _OLD,
        "transports.test_websockets::test_a_server_that_dies_fails_the_job",
        "transports.test_websockets::test_a_refused_websocket_fails_the_job",
        "transports.test_websockets::test_a_server_that_falls_silent_is_asked_and_given_up",
    ),
    # --- the program around the client
    "Ctrl-C": (
        "transports.test_interrupts::test_whatever_waits_is_interrupted_at_once_and_the_client_goes_on",
        "transports.test_interrupts::test_connecting_is_interrupted_at_once",
        "transports.test_interrupts::test_files_on_their_way_are_interrupted_at_once_and_leave_nothing",
        "transports.test_interrupts::test_cancelling_is_interrupted_at_once",
        "transports.test_interrupts::test_closing_is_interrupted_at_once",
    ),
    "the end of the program": (
        "transports.test_interrupts::test_a_program_ends",
        "transports.test_interrupts::test_a_program_ends_while_its_server_hangs",
    ),
    "a client that is dropped": (
        "transports.test_hard_use::test_a_dropped_client_ends_its_thread_and_its_streams",
        "transports.test_hard_use::test_a_client_that_is_left_by_an_error_leaves_nothing",
    ),
    "wrong types": ("transports.test_wrong_values::test_an_option_is_taken_or_refused_with_its_name",),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_every_fault_has_tests_that_exist(fault: str) -> None:
    assert FAULTS[fault]
    for place in FAULTS[fault]:
        module, _, name = place.partition("::")
        assert callable(getattr(importlib.import_module(f"tests.{module}"), name)), place
