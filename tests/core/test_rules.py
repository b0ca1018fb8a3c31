"""Every rule that a client of Gradio learns the hard way, and the test that holds it.

``RULES`` is a table for whoever looks for a rule. The rules that are tested nowhere else are tested below it, each by a
test with its name.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import pytest

from gradproto import (
    AppError,
    ArgumentError,
    AuthenticationError,
    ConnectionLostError,
    EndpointNotFoundError,
    FileData,
    Job,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobLogged,
    JobState,
    OutputGenerated,
    QueueEstimated,
    QueueFullError,
    ReadError,
    SessionExpiredError,
    SessionFailed,
    StreamLost,
    UnknownMessageReceived,
    UnsupportedServerError,
    ValidationError,
)
from gradproto._messages import HIDDEN_ERROR
from tests.core.driving import CONFIG, ERAS, INFO, STATELESS, Harness, config_with, era, json_body, state_of

RULES: dict[str, tuple[str, ...]] = {
    # --- which Gradio it is, and where
    "the generation is read from the config": (
        "test_dialects::test_each_generation_has_its_record",
        "test_dialects::test_a_version_is_spoken_to_in_its_own_way",
        "test_rules::test_the_named_protocol_decides_and_not_the_version",
    ),
    "a protocol that is not known is refused by name": (
        "test_dialects::test_a_protocol_that_is_not_spoken_is_refused_with_those_that_are",
    ),
    "the page stands in for a config that is not to be had": (
        "test_connect::test_without_a_config_the_page_is_looked_at",
        "test_eras::test_the_page_of_each_generation_holds_the_same_config_as_its_address",
    ),
    "HTML instead of JSON": (
        "test_connect::test_a_page_in_the_place_of_the_config_is_taken_too",
        "test_rules::test_html_instead_of_json_is_told_as_a_page",
    ),
    "a version with a newline": (
        "test_config::test_a_line_end_in_the_version_is_dropped",
        "test_rules::test_a_version_with_a_newline_is_that_version",
    ),
    "a 64-bit app id": (
        "test_config::test_an_app_id_may_have_64_bits_and_more",
        "test_json::test_integers_beyond_64_bits_keep_every_digit",
    ),
    "unknown fields are ignored": ("test_config::test_unknown_fields_are_tolerated",),
    "the prefix of the API is not for the config, the page and the login": (
        "test_calls::test_before_gradio_5_there_is_no_prefix",
        "test_rules::test_the_config_and_the_login_are_never_under_the_prefix_of_the_api",
    ),
    "the user's URL wins over root": (
        "test_connect::test_a_config_that_points_elsewhere_does_not_move_the_app",
        "test_rules::test_the_users_url_wins_over_root",
    ),
    "an address that redirects is resolved by the first GET": (
        "test_exchanges::test_a_redirect_of_the_config_is_followed_and_remembered",
        "test_exchanges::test_a_post_is_not_turned_into_a_get",
    ),
    "no description is served by early versions": (
        "test_connect::test_without_a_description_one_is_made_from_the_config",
        "test_eras::test_where_there_is_no_description_one_is_made",
    ),
    # --- cookies and logins
    "cookies kept": (
        "test_exchanges::test_cookies_are_kept_sent_and_updated",
        "test_rules::test_cookies_of_the_first_answer_go_with_every_request",
    ),
    "the cookie that is not secure works without TLS": ("test_cookies::test_the_login_of_gradio_works_without_tls",),
    "401 of both shapes": (
        "test_answers::test_a_401_wants_a_login",
        "test_rules::test_a_401_of_both_shapes_leads_to_a_login",
    ),
    "a token that the server forgot is renewed": (
        "test_exchanges::test_a_later_401_logs_in_again_once_for_all_requests_that_got_one",
        "test_channels::test_a_login_that_is_no_longer_good_is_renewed_once_in_every_generation",
    ),
    "a login answered by a redirect counts if it brought a cookie": (
        "test_exchanges::test_a_login_answered_by_a_redirect_is_one_that_worked",
        "test_rules::test_a_login_answered_by_a_redirect_without_a_cookie_lets_nobody_in",
    ),
    "wrong credentials are a 400": ("test_exchanges::test_a_login_that_is_refused_fails_what_waits_for_it",),
    "a WebSocket without a login is a 403": (
        "test_websockets::test_a_handshake_that_wants_a_login_is_made_again_once_after_one",
    ),
    # --- streams and JSON
    "server-sent events in every spelling and any pieces": (
        "test_sse::test_a_stream_gives_the_same_events_however_it_is_cut",
        "test_sse::test_any_stream_is_read_by_the_standards_own_steps",
    ),
    "ALIVE heartbeat is no JSON": (
        "test_connect::test_beats_keep_the_heartbeat_going",
        "test_rules::test_the_alive_of_a_heartbeat_is_not_read_as_json",
    ),
    "NaN/Infinity accepted": (
        "test_json::test_numbers_that_are_no_json_are_read_and_written_as_gradio_does",
        "test_event_streams::test_a_message_may_hold_what_json_does_not_allow",
        "test_rules::test_nan_and_infinity_are_accepted_both_ways",
    ),
    "unknown msg ignored": (
        "test_messages::test_an_unknown_message_is_told_and_skipped",
        "test_websockets::test_an_unknown_message_on_a_websocket_is_told_and_skipped",
        "test_streams::test_a_message_of_an_unknown_kind_about_nothing_is_told",
    ),
    "message before the join's answer": (
        "test_streams::test_messages_that_overtake_the_answer_of_a_join_wait_for_it",
        "test_streams::test_a_whole_event_may_overtake_the_answer_of_its_join",
    ),
    "messages that nobody claims are dropped": (
        "test_streams::test_messages_that_no_join_claims_are_told_when_none_is_left",
        "test_streams::test_messages_about_nobodys_event_are_told_at_once_when_no_job_joins",
    ),
    "one stream of a session, and none without a pending event": (
        "test_streams::test_a_stream_is_opened_when_the_server_knows_the_session_and_not_before",
        "test_rules::test_a_session_never_has_two_streams_nor_one_for_nothing",
    ),
    "stream closed by ourselves when nothing is pending": (
        "test_streams::test_a_stream_that_the_server_does_not_end_is_given_up_with_its_hash",
        "test_rules::test_a_stream_is_closed_by_ourselves_when_nothing_is_pending",
    ),
    "a stream that ended with a job just accepted is opened again": (
        "test_streams::test_a_stream_that_the_server_ends_with_a_job_it_has_just_accepted_is_opened_again",
    ),
    "close_stream with and without event_id": (
        "test_streams::test_a_close_in_the_name_of_an_event_is_a_close",
        "test_rules::test_a_close_stream_with_and_without_event_id_ends_the_stream",
    ),
    "no close_stream before 4.22": (
        "test_event_streams::test_a_stream_that_ends_without_a_word_says_that_nothing_is_pending",
    ),
    "HTTP 200 with an error stream": (
        "test_streams::test_a_session_that_the_server_does_not_know_has_expired",
        "test_rules::test_a_stream_of_status_200_may_hold_nothing_but_an_error",
    ),
    "session forgotten after a dropped stream": (
        "test_streams::test_after_a_loss_state_stays_and_everything_else_begins_anew",
        "test_conversations::test_a_session_whose_stream_broke_is_not_known_any_more",
        "test_rules::test_a_session_whose_stream_was_dropped_is_forgotten",
    ),
    "flood of shutdown messages is one failure": (
        "test_streams::test_an_error_without_an_event_ends_all_jobs_of_the_stream",
        "test_rules::test_a_flood_of_shutdown_messages_is_one_failure",
    ),
    "one shutdown message and then silence": ("test_conversations::test_a_server_that_is_stopped_in_the_middle",),
    "unexpected_error with and without event id": (
        "test_messages::test_an_unexpected_error_of_one_event_fails_its_job_alone",
        "test_rules::test_an_unexpected_error_is_of_one_event_or_of_all",
    ),
    "a stream cut inside its body": (
        "test_streams::test_an_end_inside_an_event_loses_what_is_pending",
        "test_streams::test_a_broken_connection_loses_all_jobs_of_its_hash_and_no_others",
    ),
    "silence is noticed, where there are heartbeats by them and elsewhere by limits": (
        "test_streams::test_a_silent_stream_is_a_lost_one",
        "test_own_streams::test_where_the_server_does_not_beat_a_silent_stream_is_not_a_dead_one",
        "test_own_streams::test_beats_alone_do_not_make_a_job_wait_for_ever",
        "test_websockets::test_a_websocket_may_be_silent_as_long_as_its_job_may_wait_and_run",
    ),
    "several messages in one piece and one in several": (
        "test_conversations::test_a_conversation_is_the_same_in_any_pieces",
    ),
    "an app without a queue may never answer a handshake": (
        "test_websockets::test_a_handshake_that_hangs_is_given_up",
    ),
    "a WebSocket cut without a close frame": (
        "test_websockets::test_a_connection_that_breaks_fails_its_job_alone",
        "wire.test_websocket::test_an_end_without_a_close_is_abnormal",
    ),
    "pings of the server are answered, and ours find out silence": (
        "wire.test_websocket_ends::test_pings_are_answered_between_the_fragments_of_a_long_message",
        "wire.test_silence::test_a_silent_server_is_pinged_and_given_up_when_nothing_comes",
    ),
    "a server whose page wants a login says so": (
        "test_eras::test_the_page_of_each_generation_says_that_it_wants_a_login",
    ),
    "no process_starts": ("test_messages::test_a_first_output_is_whole_and_starts_a_job_that_had_no_start",),
    "progress is nested and anything in it may be null": (
        "test_messages::test_progress_comes_with_one_unit_for_each_level",
    ),
    # --- what ends an event
    "duplicate completion": (
        "test_messages::test_a_completed_job_hears_nothing_more",
        "test_rules::test_a_duplicate_completion_is_ignored",
    ),
    "completion without data is a cancellation": (
        "test_messages::test_an_empty_completion_is_a_cancelled_event_whoever_cancelled_it",
        "test_own_streams::test_a_completion_of_nothing_is_a_cancelled_call",
    ),
    "cache hit is completed only": (
        "test_messages::test_a_completion_may_be_all_that_comes",
        "test_conversations::test_a_result_from_the_cache_is_all_that_comes",
        "test_websockets::test_a_completion_may_be_all_that_comes_on_a_websocket",
    ),
    "estimation after send_data": ("test_rules::test_an_estimation_may_come_after_send_data_and_again",),
    "send_data before the first estimation": (
        "test_websockets::test_the_data_may_be_wanted_before_the_first_estimation",
    ),
    "is_generating of the last message not trusted": (
        "test_messages::test_a_completion_repeats_the_last_output_of_a_generator",
        "test_rules::test_is_generating_of_the_last_message_is_not_trusted",
    ),
    "WebSocket closed without completion": (
        "test_websockets::test_a_websocket_that_is_closed_before_the_completion_fails_its_job",
        "test_rules::test_a_websocket_closed_without_completion_fails_whatever_its_code",
    ),
    "a stream of 4.0 that ends without completion": (
        "test_own_streams::test_a_stream_that_ends_before_the_completion_fails_its_job_at_any_point",
    ),
    "a generator that yields nothing": ("test_messages::test_a_generator_that_yields_nothing_has_no_output",),
    # --- cancelling
    "cancel goes by session and function": (
        "test_streams::test_concurrent_jobs_have_a_session_hash_each_and_later_ones_use_them_again",
        "test_cancel::test_two_jobs_with_state_of_one_function_are_not_stopped_for_each_other",
        "test_rules::test_a_cancel_goes_by_session_and_function_and_hits_no_sibling",
    ),
    "messages after a cancellation are ignored": (
        "test_joined::test_the_second_completion_of_a_cancelled_job_is_nothing_unknown",
        "test_rules::test_a_cancelled_job_is_over_whatever_its_event_still_says",
    ),
    "each generation is cancelled in its own way, or not at all": (
        "test_cancel::test_a_job_leaves_the_queue_in_the_way_of_its_version",
        "test_cancel::test_a_generator_that_runs_is_stopped_by_a_request",
        "test_cancel::test_a_function_that_runs_is_not_stopped_by_any",
        "test_websockets::test_leaving_the_websocket_cancels_what_it_can",
        "test_polling::test_nothing_can_be_cancelled",
    ),
    "a reset of 4.9 to 4.30 is followed by silence": (
        "test_calls::test_before_4_31_a_reset_stops_the_event_and_nothing_more_is_heard_of_it",
    ),
    "a cancellation is answered with success whatever it did": (
        "test_cancel::test_where_there_was_nothing_to_stop_the_stream_is_left_if_that_helps",
        "test_cancel::test_an_answer_did_nothing_only_if_it_says_so",
    ),
    "4.19.2 goes on when its stream is left": ("test_calls::test_gradio_4_19_2_lets_nothing_out_of_its_queue",),
    # --- outputs
    "list deletion in diffs pops the last element": (
        "test_diff::test_edits_give_the_values_that_they_stand_for_or_are_refused_and_change_nothing",
        "test_rules::test_a_list_deletion_pops_the_last_element_whatever_its_index",
    ),
    "a new output appearing mid-stream is diffed against null": (
        "test_jobs::test_an_output_that_appears_in_mid_stream_is_edited_from_null",
    ),
    "an edit that cannot be applied waits for the whole value": (
        "test_messages::test_an_edit_that_cannot_be_applied_costs_the_outputs_until_a_whole_one",
        "test_rules::test_the_final_value_wins_over_edits",
    ),
    "the first output of each event is whole, also where it looks like edits": (
        "test_event_streams::test_outputs_since_sse_v2_are_edits_but_the_first_of_each_event",
        "test_rules::test_a_first_output_that_looks_like_edits_is_a_value",
    ),
    "no diffs before 4.17": (
        "test_event_streams::test_outputs_of_sse_v1_are_whole",
        "test_websockets::test_outputs_on_a_websocket_are_always_whole",
    ),
    "outputs of input streaming are whole": (
        "test_messages::test_later_outputs_of_a_generator_are_edits_and_of_a_stream_are_whole",
    ),
    "updates of components pass": ("test_eras::test_an_update_passes_but_that_files_in_it_are_found",),
    "a 500 may mean that the server does not know the function any more": (
        "test_refresh::test_an_answer_that_may_mean_an_unknown_function_makes_the_session_look",
    ),
    "functions rendered in a session are of that session": (
        "test_refresh::test_what_was_rendered_is_called_in_the_session_that_it_was_made_for",
    ),
    # --- errors
    '"None" error text': (
        "test_messages::test_an_app_that_hides_its_errors_is_told_how_to_show_them",
        "test_rules::test_the_error_text_none_of_3_50_to_4_16_is_a_hidden_error",
    ),
    "repr-quoted text": (
        "test_messages::test_before_gradio_5_2_the_quotes_around_an_error_are_undone",
        "test_websockets::test_what_the_function_raised_is_told_without_pythons_quotes",
    ),
    "422 of both kinds": (
        "test_answers::test_what_the_apps_validator_says_is_told_by_parameter",
        "test_answers::test_another_422_is_the_protocols",
        "test_rules::test_a_422_of_the_app_and_one_of_the_protocol_are_told_apart",
    ),
    "503 full vs stopped": (
        "test_answers::test_a_full_queue_is_told_apart_from_a_stopped_one",
        "test_rules::test_a_503_of_a_full_queue_and_of_a_stopped_one_are_told_apart",
    ),
    "queue full on ws/sse": (
        "test_websockets::test_a_full_queue_is_told_as_such",
        "test_own_streams::test_a_queue_that_is_full_says_so_on_the_stream",
    ),
    "429 and pages of proxies": (
        "test_answers::test_a_429_says_how_long_to_wait_if_the_server_did",
        "test_connect::test_an_app_that_is_asked_too_often_says_so",
    ),
    "a date to wait for is told by the server's own clock": (
        "test_answers::test_a_date_to_wait_for_is_as_far_away_as_the_servers_own_clock_says",
    ),
    "what may have run is not sent again": (
        "test_retried_jobs::test_what_may_have_run_is_not_sent_again_unless_the_caller_allows_it",
        "test_joined::test_nothing_that_may_have_run_is_sent_again_where_anything_may_be_lost",
    ),
    "a job of 3.1.5 to 4.8 has not run before its data went out": (
        "test_retried_jobs::test_without_its_data_a_job_has_not_run",
        "test_retried_jobs::test_with_its_data_a_job_may_have_run",
    ),
    "traceback text of 5.0-6.8 not shown whole": (
        "test_answers::test_the_last_line_of_a_long_traceback_is_found",
        "test_rules::test_the_traceback_of_5_0_to_6_8_is_not_shown_whole",
    ),
    "a failed function outside the queue": (
        "test_calls::test_what_a_function_outside_the_queue_raised_is_told",
        "test_polling::test_a_function_that_fails_outside_the_queue_may_say_no_more_than_that",
    ),
    # --- calls
    "fn_index by id vs list index": (
        "test_config::test_a_function_is_known_by_its_id_or_else_its_place",
        "test_eras::test_a_function_without_an_id_has_the_index_of_its_place",
        "test_rules::test_a_function_is_called_by_its_id_and_not_by_its_place",
    ),
    "an index that is not in the config is not sent": (
        "test_rules::test_an_unknown_function_is_refused_before_anything_is_sent",
    ),
    "backend_fn false refused": (
        "test_api_info::test_private_endpoints_and_those_without_a_function_cannot_be_called_at_all",
        "test_rules::test_a_function_of_the_page_alone_is_refused_before_anything_is_sent",
    ),
    "data list filled to the inputs' number with nulls for State": (
        "test_calls::test_state_is_sent_as_null",
        "test_vectors::test_arguments_become_the_data_of_a_request_or_are_refused",
        "test_rules::test_data_are_as_many_as_the_inputs_with_null_for_state_and_defaults",
    ),
    "an app without a queue is called directly": (
        "test_calls::test_without_a_queue_everything_is_outside_it",
        "test_calls::test_an_endpoint_outside_the_queue_answers_at_once",
    ),
    "functions that take batches go past the queue of 4.0 to 4.8": (
        "test_own_streams::test_a_function_that_takes_batches_goes_past_a_queue_that_it_would_stop",
    ),
    "the reason of a failed call through the simple API may be lost": (
        "test_own_streams::test_an_error_of_a_call_is_told_as_far_as_the_server_does",
    ),
    "State does not go through the simple API": (
        "test_own_streams::test_a_function_with_state_goes_through_the_queue",
    ),
    "a completed poll can be read once": (
        "test_polling::test_a_job_is_pushed_and_asked_about_until_it_is_complete",
        "test_rules::test_a_polled_completion_is_not_asked_for_again",
    ),
    "a failed poll is JSON in a text": ("test_polling::test_a_failure_is_a_text_in_a_text",),
    "the polling queue of Gradio 2 loses State": (
        "test_polling::test_the_queue_of_gradio_2_would_lose_state_which_goes_past_it_so",
    ),
    "the client speaks first on the earliest WebSockets": (
        "test_websockets::test_each_generation_hears_who_asks_in_its_own_way",
    ),
    "input streaming goes on until it is closed": (
        "test_inputs::test_the_end_of_the_inputs_comes_after_them_and_ends_the_job",
        "test_inputs::test_an_input_that_the_server_refuses_is_lost_and_the_job_goes_on",
    ),
    "an unknown name or no index runs the first function of 3.0": (
        "test_rules::test_the_index_is_sent_wherever_an_app_may_have_several_functions",
    ),
    "no session hash is empty, and none is left out": (
        "test_rules::test_a_session_hash_is_sent_in_every_generation_and_never_empty",
    ),
    "a generator outside the queue gives its first output": (
        "test_rules::test_a_generator_outside_the_queue_is_complete_with_its_first_output",
    ),
    "a queue of null is one": ("test_api_info::test_the_queue_is_used_unless_it_is_switched_off",),
    "a text that is no UTF-8 would break the stream of the whole session": (
        "test_rules::test_a_lone_surrogate_is_refused_before_anything_is_sent",
    ),
    "the data are sent as soon as they are wanted": ("test_rules::test_the_server_is_answered_before_any_time_passes",),
    "a program says that it is one": (
        "test_exchanges::test_every_request_says_that_a_program_asks_and_wants_no_compression",
    ),
    "the token of a Space goes into a header of its own": (
        "test_session::test_a_token_goes_into_its_own_header_unless_the_caller_has_one",
    ),
    "a heartbeat where the app asks for one, and from 4.25 to 4.28 unasked": (
        "test_connect::test_an_app_that_asks_for_a_heartbeat_gets_one",
        "test_connect::test_only_early_versions_that_do_not_say_get_a_heartbeat_unasked",
    ),
    "api_name false is private and null is unnamed": (
        "test_eras::test_an_endpoint_whose_name_is_false_is_private",
        "test_eras::test_an_endpoint_without_a_name_is_called_by_its_index",
        "test_info::test_an_endpoint_without_a_name_is_known_by_its_index",
    ),
    "State has a place in the data and none in the description": (
        "test_api_info::test_state_has_a_place_and_no_parameter",
        "test_config::test_state_and_layout_of_an_early_server_are_known_by_their_type",
    ),
    "components of other pages": ("test_api_info::test_a_component_of_another_page_is_a_value_like_any_other",),
    "a server that was started anew has other sessions and perhaps other functions": (
        "test_refresh::test_a_server_that_was_started_anew_with_the_same_app_is_the_same_app",
        "test_refresh::test_an_endpoint_that_has_another_number_since_the_app_was_started_anew_is_called_by_it",
    ),
    # --- files
    "meta is sent with every file": (
        "test_calls::test_files_are_uploaded_and_stand_for_themselves_in_the_join",
        "test_files::test_a_file_record_becomes_the_object_that_servers_insist_on",
    ),
    "a file that may not be fetched is a 403, whether it is there or not": (
        "test_downloads::test_a_file_that_is_refused_is_a_failure",
    ),
    "an open range may be answered by the whole file, and a part is not the whole": (
        "test_downloads::test_a_file_that_is_refused_is_a_failure",
    ),
    "413 and other refusals of an upload": ("test_calls::test_an_upload_that_goes_wrong_fails_its_job",),
    "a file as a data URL": (
        "test_inputs::test_a_file_inside_its_url_is_unpacked_without_a_request",
        "test_eras::test_an_image_that_comes_as_a_data_url_is_a_file",
    ),
    "files inside the request before 3.19": (
        "test_eras::test_a_file_goes_into_the_request_where_nothing_can_be_uploaded",
        "test_eras::test_an_uploaded_file_is_named",
    ),
    "a file object of each generation is known": (
        "test_payload::test_file_objects_become_records_however_deep",
        "test_eras::test_a_file_of_4_0_to_4_20_is_known_by_its_path_and_by_having_nothing_else",
        "test_eras::test_a_file_that_the_server_names_is_its_path",
    ),
    "downloads built from the path": (
        "test_payload::test_a_file_is_fetched_by_its_path_below_the_address_that_the_caller_gave",
        "test_rules::test_downloads_are_built_from_the_path_and_not_from_the_url",
    ),
    "a path is escaped but for its slashes": ("test_urls::test_a_path_is_escaped_for_a_download",),
    "credentials not sent across origins on redirect": (
        "test_downloads::test_a_redirect_is_followed_without_credentials",
        "test_exchanges::test_credentials_do_not_follow_a_redirect_to_another_origin_and_come_back_with_it",
    ),
    "a file that is too large is not sent": ("test_calls::test_a_file_larger_than_the_app_takes_is_not_sent",),
    "audio and video that stream are fetched where streams are": (
        "test_downloads::test_a_stream_is_fetched_where_streams_are",
        "test_vectors::test_values_stand_in_requests_and_answers_as_their_generation_wants_it",
    ),
    "nothing is compressed": ("test_exchanges::test_every_request_says_that_a_program_asks_and_wants_no_compression",),
}
TESTS = sorted({test for tests in RULES.values() for test in tests})


@pytest.mark.parametrize("test", TESTS)
def test_every_test_in_the_table_is_there(test: str) -> None:
    module, _, name = test.partition("::")
    assert callable(getattr(importlib.import_module(f"tests.core.{module}"), name, None)), f"{test} is gone"


def test_every_rule_tested_here_is_in_the_table() -> None:
    here = {f"test_rules::{name}" for name in globals() if name.startswith("test_") and "_in_the_table" not in name}
    assert here == {test for test in TESTS if test.startswith("test_rules::")}


# --- which Gradio it is, and where


@pytest.mark.parametrize("version", ["6.31.0", "99.0", "dev"])
def test_the_named_protocol_decides_and_not_the_version(version: str) -> None:
    harness = Harness().connect(config_with(version=version, protocol="sse_v3"))
    job = harness.running("/count", 2)
    harness.say(job, "process_generating", success=True, output={"data": ["0"]})
    harness.say(job, "process_generating", success=True, output={"data": [[["append", [], "1"]]]})
    assert job.history.current == ["01"]


@pytest.mark.parametrize("version", ["3.0.24", "3.1.5", "3.16.2", "4.0.2"])
def test_a_version_with_a_newline_is_that_version(version: str) -> None:
    ways: list[list[tuple[str, str, object]]] = []
    for written in (version, f"{version}\n"):
        harness = Harness().connect({**era(version), "version": written})
        assert harness.session.config.version == version
        harness.submit("/count", 2)
        harness.commands()
        ways.append([(one.method, one.url, one.body) for one in harness.requests.values()])
    assert ways[0] == ways[1]
    assert len(ways[0]) >= 2


PAGE = b"<!DOCTYPE html><html><body>This Space is paused" + b"<p>and has much to say</p>" * 100


@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_html_instead_of_json_is_told_as_a_page(status: int) -> None:
    harness = Harness()
    harness.session.connect()
    for _ in range(2):
        for number in harness.pending():
            harness.answer(number, status, PAGE, [("content-type", "text/html")])
    failure = harness.one(SessionFailed).error
    assert isinstance(failure, UnsupportedServerError)
    error = refused(status, PAGE)
    assert not isinstance(error, (AppError, QueueFullError))
    assert "an HTML page" in str(error) or status == 200
    for told in (failure, error):
        assert str(told).count("much to say") < 3


def test_the_config_and_the_login_are_never_under_the_prefix_of_the_api() -> None:
    harness = Harness("http://app.test/sub", auth=("bob", "s3cr3t")).connect()
    harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), 401, b"")
    harness.only("/login")
    assert [one.url for one in harness.requests.values()] == [
        "http://app.test/sub/config",
        "http://app.test/sub/gradio_api/info",
        "http://app.test/sub/gradio_api/queue/join",
        "http://app.test/sub/login",
    ]


@pytest.mark.parametrize("root", ["", "/", "/other", "https://pub.exam", "http://internal:7860/sub", None])
def test_the_users_url_wins_over_root(root: Any) -> None:
    harness = Harness("https://public.test/sub").connect(config_with(root=root))
    job = harness.running("/echo", "x")
    harness.complete(job, "x")
    harness.session.download(FileData(path="/tmp/x", url=f"{root}/gradio_api/file=/tmp/x"))
    harness.commands()
    assert all(one.url.startswith("https://public.test/sub/") for one in harness.requests.values())


# --- cookies and logins


def headers_of(harness: Harness, exchange: int) -> dict[str, str]:
    return {name.lower(): value for name, value in harness.requests[exchange].headers}


@pytest.mark.parametrize("version", [version for version in ERAS if version >= "3"])
def test_cookies_of_the_first_answer_go_with_every_request(version: str) -> None:
    harness = Harness()
    harness.session.connect()
    harness.answer(harness.only("/config"), 200, era(version), [("set-cookie", "replica=7; Path=/")])
    for number in harness.pending("/info"):
        harness.answer(number, 200, INFO)
    harness.config = era(version)
    job = harness.submit("/count", 2)
    harness.accept(job)
    harness.begin(job)
    harness.session.download(FileData(path="/tmp/x"))
    harness.commands()
    later = [number for number in harness.requests if number != min(harness.requests)]
    assert len(later) >= 2
    assert all(headers_of(harness, number).get("cookie") == "replica=7" for number in later)


@pytest.mark.parametrize(
    "detail", ["Not authenticated", {"error": "Not authenticated", "auth_message": None}, {"auth_message": "Ask Bob"}]
)
def test_a_401_of_both_shapes_leads_to_a_login(detail: Any) -> None:
    harness = Harness(auth=("bob", "s3cr3t"))
    harness.session.connect()
    harness.answer(harness.only("/config"), 401, {"detail": detail})
    harness.only("/login")
    stranger = Harness()
    stranger.session.connect()
    stranger.answer(stranger.only("/config"), 401, {"detail": detail})
    assert isinstance(stranger.one(SessionFailed).error, AuthenticationError)


def test_a_login_answered_by_a_redirect_without_a_cookie_lets_nobody_in() -> None:
    harness = Harness(auth=("bob", "s3cr3t"))
    harness.session.connect()
    harness.answer(harness.only("/config"), 401, {"detail": "Not authenticated"})
    harness.answer(harness.only("/login"), 302, b"", [("location", "/")])
    for number in harness.pending("/config"):
        harness.answer(number, 401, {"detail": "Not authenticated"})
    assert isinstance(harness.one(SessionFailed).error, AuthenticationError)
    assert harness.idle()


# --- streams and JSON


def test_the_alive_of_a_heartbeat_is_not_read_as_json() -> None:
    harness = Harness().connect(config_with(connect_heartbeat=True))
    job = harness.running("/incr")
    [beat] = [number for number in harness.pending() if "/heartbeat/" in harness.requests[number].url]
    harness.open(beat)
    harness.events()
    harness.data(beat, b"data: ALIVE\n\n" * 3)
    assert harness.events() == []
    assert beat in harness.live
    harness.complete(job, 1, None)
    assert job.outputs == (1,)


def test_nan_and_infinity_are_accepted_both_ways() -> None:
    harness = Harness().connect()
    job = harness.submit("/count", math.inf)
    assert json_body(harness.requests[harness.only("/queue/join")])["data"] == [math.inf]
    harness.joined(job)
    harness.open(harness.stream_of(job))
    harness.data(
        harness.stream_of(job),
        b'data: {"msg":"process_completed","event_id":"event-0","success":true,'
        b'"output":{"data":[[NaN,-Infinity]]}}\n\n',
    )
    assert str(job.outputs) == "([nan, -inf],)"


def test_a_session_never_has_two_streams_nor_one_for_nothing() -> None:
    harness = Harness().connect()
    assert harness.pending("/queue/data") == []
    first = harness.submit("/incr")
    assert harness.pending("/queue/data") == []
    harness.joined(first)
    stream = harness.only("/queue/data")
    second = harness.submit("/chat", "x")
    harness.joined(second)
    assert second.session_hash == first.session_hash
    assert harness.only("/queue/data") == stream
    harness.open(stream)
    harness.complete(first, 1, None)
    harness.complete(second, "x", None)
    harness.close_stream(stream)
    assert harness.pending("/queue/data") == []


def test_a_stream_is_closed_by_ourselves_when_nothing_is_pending() -> None:
    harness = Harness().connect(STATELESS)
    job = harness.running("/echo", "x")
    stream = harness.stream_of(job)
    harness.complete(job, "x")
    # Gradio does not end the stream of a session of which it lost an event once.
    while (seconds := harness.due()) is not None:
        harness.tick(seconds)
    harness.commands()
    assert harness.aborted == [stream]
    assert harness.idle()
    assert not [event for event in harness.history if isinstance(event, StreamLost)]


@pytest.mark.parametrize("close", [{}, {"event_id": None}, {"event_id": "event-0"}, {"event_id": "strange"}])
def test_a_close_stream_with_and_without_event_id_ends_the_stream(close: dict[str, Any]) -> None:
    harness = Harness().connect()
    job = harness.running("/incr")
    stream = harness.stream_of(job)
    harness.complete(job, 1, None)
    # Taken by the server after it decided to end the stream.
    late = harness.submit("/chat", "x")
    harness.joined(late)
    harness.sse(stream, {"msg": "close_stream", **close})
    harness.finish(stream)
    again = harness.stream_of(late)
    assert again != stream
    harness.open(again)
    harness.complete(late, "y", None)
    harness.sse(again, {"msg": "close_stream", **close})
    harness.finish(again)
    assert late.outputs == ("y",)
    assert not [event for event in harness.history if isinstance(event, (StreamLost, UnknownMessageReceived))]
    assert harness.idle()


@pytest.mark.parametrize("message", ["404: Session not found.", "404: Not Found"])
@pytest.mark.parametrize("cut", [False, True])
def test_a_stream_of_status_200_may_hold_nothing_but_an_error(message: str, cut: bool) -> None:
    harness = Harness().connect()
    job = harness.queued("/incr")
    stream = harness.stream_of(job)
    harness.sse(stream, {"msg": "unexpected_error", "message": message, "success": False})
    # What comes after the error is the end or a break, and no news.
    assert stream not in harness.pending()
    if cut:
        harness.session.exchange_failed(stream, ReadError("cut"))
    else:
        harness.session.response_ended(stream)
    assert isinstance(harness.error(job), SessionExpiredError)
    assert harness.idle()


def test_a_session_whose_stream_was_dropped_is_forgotten() -> None:
    harness = Harness().connect(STATELESS)
    job = harness.running("/echo", "x")
    harness.fail(harness.stream_of(job))
    assert isinstance(harness.error(job), ConnectionLostError)
    # Not opened again: the server would not know the session any more.
    assert harness.pending("/queue/data") == []
    assert harness.submit("/echo", "y").session_hash != job.session_hash


@pytest.mark.parametrize("version", ["4.12.0", "4.20.0", "4.21.0", "6.31.0"])
def test_a_flood_of_shutdown_messages_is_one_failure(version: str) -> None:
    harness = Harness().connect(era(version))
    jobs = [harness.running("/incr"), harness.queued("/chat", "x")]
    stream = harness.stream_of(jobs[0])
    message = {"msg": "unexpected_error", "message": "Server stopped unexpectedly.", "success": False}
    harness.sse(stream, *[message] * 2000)
    harness.data(stream, *[b"data: {}\n\n"] * 10)
    events = harness.events()
    assert len([event for event in events if isinstance(event, StreamLost)]) == 1
    assert [event.job for event in events if isinstance(event, JobFailed)] == [job.number for job in jobs]
    harness.commands()
    assert harness.aborted == [stream]
    assert not [event for event in events if isinstance(event, UnknownMessageReceived)]


@pytest.mark.parametrize("fields", [{}, {"event_id": None}, {"event_id": "event-0"}])
def test_an_unexpected_error_is_of_one_event_or_of_all(fields: dict[str, Any]) -> None:
    harness = Harness().connect()
    jobs = [harness.running("/incr"), harness.running("/chat", "x")]
    harness.sse(harness.stream_of(jobs[0]), {"msg": "unexpected_error", "message": "no", "success": False, **fields})
    assert jobs[0].state is JobState.FAILED
    assert jobs[1].ended is (fields.get("event_id") is None)


# --- what ends an event


def test_a_duplicate_completion_is_ignored() -> None:
    harness = Harness().connect()
    job, other = harness.running("/incr"), harness.running("/chat", "x")
    harness.complete(job, 1, None)
    harness.complete(job, 2, None)
    harness.say(job, "process_completed", success=False, output={"error": "late"})
    assert isinstance(harness.end(job), JobCompleted)
    assert job.outputs == (1,)
    assert not other.ended


@pytest.mark.parametrize("version", ["3.1.5", "3.4.1", "3.50.2", "4.0.2", "4.8.0"])
def test_an_estimation_may_come_after_send_data_and_again(version: str) -> None:
    harness = Harness().connect(era(version))
    job = harness.submit("/count", 2)
    harness.accept(job)
    harness.ask_for_data(job)
    for rank in (2, 1, 0):
        harness.say(job, "estimation", rank=rank, queue_size=3, rank_eta=None)
    ranks = [event.rank for event in harness.events() if isinstance(event, QueueEstimated)]
    assert ranks == [2, 1, 0]
    assert not job.ended
    harness.say(job, "process_starts")
    assert state_of(job) is JobState.RUNNING
    harness.say(job, "process_completed", success=True, output={"data": ["x"]})
    assert job.outputs == ("x",)


@pytest.mark.parametrize("version", ["3.16.2", "3.50.2", "4.0.2", "4.12.0"])
@pytest.mark.parametrize("flag", [True, False, None])
def test_is_generating_of_the_last_message_is_not_trusted(version: str, flag: bool | None) -> None:
    harness = Harness().connect(era(version))
    job = harness.submit("/count", 2)
    harness.accept(job)
    harness.begin(job)
    harness.events()
    harness.say(job, "process_generating", success=True, output={"data": ["0"], "is_generating": flag})
    harness.say(job, "process_generating", success=True, output={"data": ["1"], "is_generating": flag})
    harness.say(job, "process_completed", success=True, output={"data": ["1"], "is_generating": flag})
    events = harness.events()
    assert [type(event) for event in events] == [OutputGenerated, OutputGenerated, JobCompleted]
    assert job.outputs == ("1",)
    # Two outputs, of which the completion repeated the last.
    assert len(job.history) == 2


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 1011, 1012])
@pytest.mark.parametrize("version", ["3.1.5", "3.4.1", "3.50.2"])
def test_a_websocket_closed_without_completion_fails_whatever_its_code(version: str, code: int) -> None:
    harness = Harness().connect(era(version))
    job = harness.submit("/count", 2)
    socket = harness.accept(job)
    harness.begin(job)
    harness.ws_close(socket, code)
    assert isinstance(harness.end(job), JobFailed)
    assert harness.idle()
    assert harness.due() is None


# --- cancelling


def test_a_cancel_goes_by_session_and_function_and_hits_no_sibling() -> None:
    harness = Harness().connect(STATELESS)
    jobs = [harness.running("/count", 9) for _ in range(3)]
    assert len({job.session_hash for job in jobs}) == 3
    harness.session.cancel(jobs[1])
    assert json_body(harness.requests[harness.only("/cancel")]) == {
        "session_hash": jobs[1].session_hash,
        "fn_index": 1,
        "event_id": "event-1",
    }
    harness.answer(harness.only("/cancel"), body={"success": True})
    harness.say(jobs[1], "process_completed", success=True, output={})
    assert [job.state.value for job in jobs] == ["RUNNING", "CANCELLED", "RUNNING"]


def test_a_cancelled_job_is_over_whatever_its_event_still_says() -> None:
    harness = Harness().connect()
    job, other = harness.running("/chat", "x"), harness.queued("/incr")
    harness.say(job, "process_generating", success=True, output={"data": ["a", None]})
    harness.session.cancel(job)
    harness.say(job, "process_completed", success=True, output={})
    harness.answer(harness.only("/cancel"), body={"success": True})
    assert isinstance(harness.end(job), JobCancelled)
    harness.events()
    harness.say(job, "process_starts")
    harness.say(job, "log", log="still here", level="info")
    harness.complete(job, "late", None)
    assert not [event for event in harness.events() if isinstance(event, (JobLogged, UnknownMessageReceived))]
    assert not other.ended


# --- outputs


@pytest.mark.parametrize("indices", [(1, 2, 3), (1, 1, 1), (3, 2, 1), (0, -1, -4), (9, 0, 5)])
def test_a_list_deletion_pops_the_last_element_whatever_its_index(indices: tuple[int, ...]) -> None:
    harness = Harness().connect()
    job = harness.running("/count", 2)
    harness.say(job, "process_generating", success=True, output={"data": [{"l": [1, 2, 3, 4], "k": 5}]})
    edits = [["delete", ["l", index], None] for index in indices]
    harness.say(job, "process_generating", success=True, output={"data": [[*edits, ["delete", ["k"], None]]]})
    assert job.history.current == [{"l": [1]}]


def test_the_final_value_wins_over_edits() -> None:
    harness = Harness().connect()
    job = harness.running("/count", 2)
    harness.say(job, "process_generating", success=True, output={"data": [1]})
    # Equal in Python, and so no edit.
    harness.say(job, "process_generating", success=True, output={"data": [[]]})
    harness.complete(job, True)
    assert job.outputs == (True,)
    assert job.outputs[0] is True


def test_a_first_output_that_looks_like_edits_is_a_value() -> None:
    harness = Harness().connect()
    edits: Any = [["replace", [], "x"]]
    for _ in range(2):
        job = harness.running("/count", 2)
        harness.say(job, "process_generating", success=True, output={"data": [edits]})
        assert job.history.current == [edits]


# --- errors


@pytest.mark.parametrize("version", ["3.50.2", "4.0.2", "4.12.0"])
def test_the_error_text_none_of_3_50_to_4_16_is_a_hidden_error(version: str) -> None:
    harness = Harness().connect(era(version))
    job = harness.submit("/count", 2)
    harness.accept(job)
    harness.begin(job)
    harness.say(job, "process_completed", success=False, output={"error": "None"})
    error = harness.error(job)
    assert isinstance(error, AppError)
    assert error.message == HIDDEN_ERROR


def refused(status: int, body: object) -> Exception:
    harness = Harness().connect()
    job = harness.submit("/echo", "x")
    harness.answer(harness.only("/queue/join"), status, body)
    return harness.error(job)


def test_a_422_of_the_app_and_one_of_the_protocol_are_told_apart() -> None:
    said = {"__type__": "validate", "is_valid": False, "message": "must not be bad", "parameter_name": "text"}
    error = refused(422, {"detail": [said]})
    assert isinstance(error, ValidationError)
    assert "must not be bad" in str(error)
    error = refused(422, {"detail": [{"type": "missing", "loc": ["body", "data"], "msg": "Field required"}]})
    assert not isinstance(error, ValidationError)
    assert "Field required" in str(error) or "422" in str(error)


def test_a_503_of_a_full_queue_and_of_a_stopped_one_are_told_apart() -> None:
    assert isinstance(refused(503, {"detail": "Queue is full. Max size is 1 and size is 1."}), QueueFullError)
    error = refused(503, {"detail": "Queue is stopped."})
    assert not isinstance(error, QueueFullError)
    assert "Queue is stopped." in str(error)
    assert not isinstance(refused(503, b"<html>restarting</html>"), QueueFullError)


def test_the_traceback_of_5_0_to_6_8_is_not_shown_whole() -> None:
    lines = ["Traceback (most recent call last):", *['  File "/srv/app/secret.py", line 1'] * 40, "KeyError: 99"]
    error = refused(500, "\n".join(lines).encode())
    assert "KeyError: 99" in str(error)
    assert "secret.py" not in str(error)


# --- calls


def test_a_function_is_called_by_its_id_and_not_by_its_place() -> None:
    kept = [{**one, "id": one["id"] + 100} for one in CONFIG["dependencies"]]
    for dependencies, expected in (
        (kept, 101),
        ([{k: v for k, v in one.items() if k != "id"} for one in CONFIG["dependencies"]], 1),
        (list(reversed(kept)), 101),
    ):
        harness = Harness().connect(config_with(dependencies=dependencies))
        harness.submit("/count", 2)
        assert json_body(harness.requests[harness.only("/queue/join")])["fn_index"] == expected


@pytest.mark.parametrize("wanted", [{"fn_index": 99}, {"fn_index": -1}, {"api_name": "/nosuch"}])
def test_an_unknown_function_is_refused_before_anything_is_sent(wanted: dict[str, Any]) -> None:
    harness = Harness().connect()
    with pytest.raises(EndpointNotFoundError):
        harness.session.prepare(["x"], **wanted)
    assert harness.idle()


@pytest.mark.parametrize("wanted", [{"fn_index": 0}, {"api_name": "/echo"}])
def test_a_function_of_the_page_alone_is_refused_before_anything_is_sent(wanted: dict[str, Any]) -> None:
    dependencies = [{**CONFIG["dependencies"][0], "backend_fn": False}, *CONFIG["dependencies"][1:]]
    harness = Harness().connect(config_with(dependencies=dependencies))
    with pytest.raises((EndpointNotFoundError, ArgumentError)):
        harness.session.prepare(["x"], **wanted)
    assert harness.idle()


def test_data_are_as_many_as_the_inputs_with_null_for_state_and_defaults() -> None:
    state, text, number = CONFIG["components"][3], CONFIG["components"][0], CONFIG["components"][2]
    preset = {**number, "props": {**number["props"], "value": 7}}
    function = {**CONFIG["dependencies"][0], "inputs": [state["id"], text["id"], state["id"], number["id"]]}
    config = config_with(components=[state, text, preset], dependencies=[function])
    harness = Harness()
    harness.session.connect()
    harness.answer(harness.only("/config"), body=config)
    harness.answer(harness.only("/info"), 404, b"")
    harness.submit("/echo", "x")
    assert json_body(harness.requests[harness.only("/queue/join")])["data"] == [None, "x", None, 7]
    with pytest.raises(ArgumentError):
        harness.session.prepare(["x", 1, "one too many"], api_name="/echo")


@pytest.mark.parametrize("version", [version for version in ERAS if version >= "3"])
@pytest.mark.parametrize("queue", [True, False])
def test_the_index_is_sent_wherever_an_app_may_have_several_functions(version: str, queue: bool) -> None:
    harness = Harness().connect(era(version, enable_queue=queue))
    job = harness.submit("/pair", "x")
    if queue:
        harness.accept(job)
        harness.ask_for_data(job)
    harness.commands()
    sent = [json_body(one) for one in harness.requests.values() if one.method == "POST"]
    for texts in map(harness.sent, harness.texts):
        sent += texts
    assert [one["fn_index"] for one in sent if "data" in one] == [5]


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("queue", [True, False])
def test_a_session_hash_is_sent_in_every_generation_and_never_empty(version: str, queue: bool) -> None:
    # Whoever sends none shares State with all the others who do not.
    harness = Harness().connect(era(version, **{"queue" if version < "3" else "enable_queue": queue}))
    job = harness.submit("/predict" if version < "3" else "/count", 3)
    if queue and version >= "3":
        harness.accept(job)
        harness.ask_for_data(job)
    harness.commands()
    sent = [json_body(one) for one in harness.requests.values() if one.method == "POST"]
    for texts in map(harness.sent, harness.texts):
        sent += texts
    hashes = {one["session_hash"] for one in sent if "data" in one}
    assert hashes == {job.session_hash}
    assert len(job.session_hash) >= 8


@pytest.mark.parametrize("version", ["3.16.2", "4.12.0", "6.31.0"])
def test_a_generator_outside_the_queue_is_complete_with_its_first_output(version: str) -> None:
    config = era(version)
    config["dependencies"][1]["queue"] = False
    harness = Harness().connect(config)
    job = harness.submit("/count", 3)
    [run] = harness.pending()
    harness.answer(run, body={"data": ["0"], "is_generating": True, "duration": 0.1, "average_duration": 0.1})
    assert isinstance(harness.end(job), JobCompleted)
    assert job.outputs == ("0",)
    assert harness.idle()


@pytest.mark.parametrize("value", ["\ud800", ["a", {"b": "x\udfff"}], {"\ud800": 1}])
def test_a_lone_surrogate_is_refused_before_anything_is_sent(value: Any) -> None:
    harness = Harness().connect()
    with pytest.raises(ArgumentError):
        harness.session.submit(harness.session.prepare([value], api_name="/echo"))
    assert harness.idle()


@pytest.mark.parametrize("version", ["3.1.5", "3.4.1", "3.50.2", "4.0.2"])
def test_the_server_is_answered_before_any_time_passes(version: str) -> None:
    harness = Harness().connect(era(version))
    job = harness.submit("/count", 3)
    carrier = harness.accept(job)
    if version == "3.50.2":
        harness.say(job, "send_hash")
        assert harness.sent(carrier) == [{"fn_index": 1, "session_hash": job.session_hash}]
    harness.ask_for_data(job)
    if version == "4.0.2":
        [data] = [number for number in harness.pending("/queue/data") if harness.requests[number].method == "POST"]
        assert json_body(harness.requests[data])["data"] == [3]
    else:
        assert harness.sent(carrier)[-1]["data"] == [3]


def test_a_polled_completion_is_not_asked_for_again() -> None:
    for version in ("2.9.4", "3.0.24"):
        harness = Harness().connect(era(version, state=False))
        job: Job = harness.submit("/predict" if version == "2.9.4" else "/count", 3)
        harness.accept(job)
        harness.conclude(job, "3")
        assert job.outputs == ("3",)
        harness.tick(600)
        assert harness.idle()
        assert harness.due() is None


# --- files


def test_downloads_are_built_from_the_path_and_not_from_the_url() -> None:
    harness = Harness("http://app.test/sub").connect()
    for url in ("http://127.0.0.1:786/file=/tmp/a b.txt", "https://other.test/gradio_api/file=/tmp/a b.txt", None):
        harness.session.download(FileData(path="/tmp/a b.txt", url=url))
    urls = {harness.requests[number].url for number in harness.pending()}
    assert urls == {"http://app.test/sub/gradio_api/file=/tmp/a%20b.txt"}
