"""What a client owes beside its result: cancelling, files, State, cookies, and tokens that stay at home."""

from __future__ import annotations

import json
import sys
from typing import Any

import trio

from gradproto_conformance._checks import Check
from gradproto_conformance._json import is_list, is_object
from gradproto_conformance.client._app import LOGIN, TOKEN
from gradproto_conformance.client._contract import Task, file_input
from gradproto_conformance.client._program import Program
from gradproto_conformance.client._stage import Ended, Playbook, Stage
from gradproto_fake_server import Completed, FakeApp, RequestRecord
from gradproto_fake_server.trio import TrioFakeServer, open_fake_server

__all__ = ["PLAYBOOK"]

PLAYBOOK = Playbook()
check, scene = PLAYBOOK.check, PLAYBOOK.scene

CANCEL_ENDS = check("client-cancel-ends", "A call that is cancelled ends at once", "CLIENT-2.2")
CANCEL_TELLS = check("client-cancel-tells", "The server hears of it by /cancel", "CLIENT-2.2")
VALUES = check("client-value-for-state", "data has a value for each input, null for State", "CLIENT-2.7")
HEARTBEAT = check("client-heartbeat", "A session with State has its heartbeat", "CLIENT-2.8")
UPLOAD_FIRST = check("client-uploads-first", "Files are uploaded before they are named", "CLIENT-2.5")
FILE_MARK = check("client-file-mark", "Files in inputs have their mark", "CLIENT-2.5")
COOKIES = check("client-cookies", "The cookies of the login go with all later requests", "CLIENT-2.4")
NOT_REDIRECTED = check("client-token-not-redirected", "No redirect takes the token elsewhere", "CLIENT-3.1")
NOT_FOR_FILES = check("client-token-not-for-files", "No file at another origin is asked for with it", "CLIENT-3.1")

_PATIENCE = 2.0  # seconds for what another thread of the client may still do
_PRINT = 1.0  # seconds for a client to print an output that it prints at once
_EVENT_STREAMS = ("data", "join_stream", "socket", "call_data")


@scene(CANCEL_ENDS, CANCEL_TELLS, needs=["cancel"], since="4.31")
async def cancelled_call(stage: Stage) -> None:
    """Somebody presses Ctrl-C while a generator runs that would never end."""
    if sys.platform == "win32":
        stage.cannot_rest("there is no SIGINT for other programs here")
        return

    async def interrupt(program: Program, server: TrioFakeServer) -> None:
        await server.wait_for(lambda app: any(_has_heard(request) for request in app.requests))
        # What was sent may not be heard yet, and whoever has not begun to listen need not cancel anything. A client
        # that prints each output is known to be in the middle of the call by its first one.
        with trio.move_on_after(_PRINT):
            await program.wait_printed()
        program.interrupt()

    app = stage.make_app()
    ended = await stage.call(app, Task(api_name="/forever", inputs=("on",)), during=interrupt)
    stage.says(CANCEL_ENDS, ended, True, "an end")
    stage.says(CANCEL_TELLS, ended, bool(ended.of_kind("cancel")), "POST cancel")


def _has_heard(request: RequestRecord) -> bool:
    return request.kind in _EVENT_STREAMS and request.sent > 0 and request.status == 200


@scene(VALUES, HEARTBEAT, since="4.0")
async def call_with_state(stage: Stage) -> None:
    """The function has a State, and runs when the session's heartbeat is there, or is not to be expected any more."""

    async def release(program: Program, server: TrioFakeServer) -> None:
        await server.wait_for(lambda app: app.jobs)
        with trio.move_on_after(_PATIENCE):
            await server.wait_for(lambda app: any(request.kind == "heartbeat" for request in app.requests))
        server.release("/visit")

    app = stage.make_app()
    app.hold("/visit")
    ended = await stage.call(app, Task(api_name="/visit", inputs=("guest",)), during=release)
    sent = _data_of(ended)
    if sent is None:
        stage.leave(VALUES, ended, "the client's calls have no body that names values")
    else:
        stage.says(VALUES, ended, sent == ["guest", None], '["guest", null]', sent)
    beats = ended.of_kind("heartbeat")
    stage.says(HEARTBEAT, ended, bool(beats), "GET heartbeat/SESSION")


def _data_of(ended: Ended) -> list[Any] | None:
    for request in ended.of_kind("join", "post_data"):
        if is_object(request.body) and is_list(data := request.body.get("data")):
            return data
    return None


@scene(UPLOAD_FIRST, FILE_MARK, needs=["files"], since="4.0")
async def file_as_input(stage: Stage) -> None:
    """A file of this machine is an input."""
    path = stage.directory / "word.txt"
    path.write_text("héllo", encoding="utf-8")
    ended = await stage.call(stage.make_app(), Task(api_name="/shout", inputs=(file_input(path),)))
    uploads, joins = ended.of_kind("upload"), ended.of_kind("join", "post_data")
    in_order = bool(uploads and joins) and uploads[0].ended is not None and uploads[0].ended <= joins[0].started
    stage.says(UPLOAD_FIRST, ended, in_order and ended.code == 0, "POST upload, and its answer, before the join")
    sent = _data_of(ended)
    given: Any = sent[0] if sent else None
    mark = given.get("meta") if is_object(given) else None
    stage.says(FILE_MARK, ended, mark == {"_type": "gradio.FileData"}, '"meta": {"_type": "gradio.FileData"}', given)


@scene(COOKIES, needs=["login"])
async def call_behind_login(stage: Stage) -> None:
    """The app wants a login."""
    app = stage.make_app(auth=dict([LOGIN]))
    ended = await stage.call(app, Task(api_name="/echo", inputs=("inside",), login=LOGIN))
    stage.gives(COOKIES, ended, "inside")


@scene(NOT_REDIRECTED, needs=["token"], since="4.0")
async def redirect_elsewhere(stage: Stage) -> None:
    """The app's address leads to another one."""
    async with open_fake_server(stage.make_app()) as elsewhere:
        app = stage.make_app()
        app.inject("redirect", "GET */config*", times=None, location=f"{elsewhere.url}/config")
        ended = await stage.call(app, Task(api_name="/echo", inputs=("hello",), token=TOKEN))
        _judge_token(stage, NOT_REDIRECTED, ended, elsewhere)


@scene(NOT_FOR_FILES, needs=["token"], since="4.0")
async def file_elsewhere(stage: Stage) -> None:
    """An output is a file at another address."""
    other = stage.make_app()
    other.fail("GET *file*", status=200, body="elsewhere", content_type="text/plain", times=None)
    async with open_fake_server(other) as elsewhere:
        app = stage.make_app()
        app.script("/shout", [Completed(_file_at(app, elsewhere.url))], times=None)
        path = stage.directory / "word.txt"
        path.write_text("hello", encoding="utf-8")
        ended = await stage.call(app, Task(api_name="/shout", inputs=(file_input(path),), token=TOKEN))
        _judge_token(stage, NOT_FOR_FILES, ended, elsewhere)


def _file_at(app: FakeApp, url: str) -> dict[str, Any]:
    path = "/tmp/gradio/elsewhere/word.txt"
    return {
        "path": path,
        "url": f"{url}{app.profile.api_prefix}/file={path}",
        "size": 9,
        "orig_name": "word.txt",
        "mime_type": "text/plain",
        "is_stream": False,
        "meta": {"_type": "gradio.FileData"},
    }


def _judge_token(stage: Stage, check: Check, ended: Ended, elsewhere: TrioFakeServer) -> None:
    if not any(_has_token(request) for request in ended.requests):
        stage.leave(check, ended, "the program sends its token nowhere")
        return
    leaks = [request.line for request in elsewhere.requests if _has_token(request)]
    stage.says(check, ended, not leaks, "no request to another origin with the token", leaks)


def _has_token(request: RequestRecord) -> bool:
    return TOKEN in json.dumps([request.headers, request.query, request.body], default=repr)
