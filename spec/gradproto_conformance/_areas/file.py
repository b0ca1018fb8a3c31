"""FILE: up and down, and named in payloads."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from gradproto_conformance._checks import Check, Effect, Registry
from gradproto_conformance._judge import Judge

from ._asking import Answer, ask, is_list, is_object, listening
from ._joining import Event, joined, outputs_of
from .payload import call, data_of, data_url, of_data_url

__all__ = ["REGISTRY", "multipart", "upload"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

UPLOAD = check("file-upload", "Uploaded files get a path each, in their order", "FILE-1.1")
CONTENT = check("file-content", "An uploaded file comes back as it was", "FILE-1.2", "FILE-3.1")
UPLOAD_NAME = check("file-name-kept", "The path of an upload ends with the file's name", "FILE-1.2")
CLIMBING_NAME = check("file-name-climbs", "A file name cannot lead out of the folder of uploads", "FILE-1.3")
NO_UPLOAD = check("file-no-multipart", "An upload that is no form is refused", "FILE-1.4")
TOO_LARGE = check("file-too-large", "A file that is larger than the app allows is refused", "FILE-1.5")
PROGRESS = check("file-upload-progress", "The progress of an upload can be watched", "FILE-1.6")
INLINE = check("file-inline", "A file may be in the payload itself", "FILE-1.7")
GIVEN = check("file-in-payload", "A file in a payload is an object with path", "FILE-2.1")
MARK = check("file-mark", "Files in outputs are marked, wherever they are", "FILE-2.2")
MARK_WANTED = check("file-mark-wanted", "A file in an input must be marked", "FILE-2.3")
STRANGE = check("file-not-given", "A path that was not given to the app makes the call fail", "FILE-2.4")
NAMED = check("file-named", "A file in a payload is an object with name and is_file", "FILE-2.5")
NAMED_INLINE = check("file-named-inline", "A file may be in the payload itself, too", "FILE-2.5")
URL = check("file-url", "The URL of a file in an output leads to it", "FILE-3.6")
HEAD = check("file-head", "The head of a file can be asked for alone", "FILE-3.2")
RANGE = check("file-range", "A part of a file can be asked for", "FILE-3.3")
FORBIDDEN = check("file-forbidden", "Other files of the server's are not given", "FILE-3.4")
CLIMBING = check("file-climbs", "A path cannot climb out of what is served", "FILE-3.5")

CONTENT_SENT = "gradproto \u2713\r\n\x00 end".encode()
BOUNDARY = "gradproto-4d5a"
# What is there on all machines that Gradio runs on, or nowhere: it must not matter.
MARKED = {"_type": "gradio.FileData"}
LARGEST_TRIED = 4 << 20  # bytes: no more than that is uploaded to see it refused
SECRETS = ("/etc/passwd", "/etc/hostname", "/gradproto/nothing", "C:\\Windows\\win.ini")


def multipart(*files: tuple[str, bytes], field: str = "files") -> tuple[bytes, list[tuple[str, str]]]:
    """Give the body of a form with these files, and its headers."""
    parts = [
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "content-type: application/octet-stream\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), [
        ("content-type", f"multipart/form-data; boundary={BOUNDARY}")
    ]


async def upload(judge: Judge, *files: tuple[str, bytes], **query: str) -> tuple[Answer, list[str]]:
    """Upload files; gives the paths, or none if that failed."""
    body, headers = multipart(*files)
    answer = await ask(judge, "POST", "{P}/upload", body=body, headers=headers, query=query)
    paths = answer.value
    good = answer.status == 200 and is_list(paths) and all(isinstance(path, str) for path in paths)
    return answer, list(paths) if good else []


@scenario(UPLOAD, CONTENT, UPLOAD_NAME, HEAD, RANGE, effect=Effect.FULL)
async def file_up_and_down(judge: Judge) -> None:
    """Upload two files, and get one of them back in several ways."""
    answer, paths = await upload(judge, ("gradproto.txt", CONTENT_SENT), ("other.txt", b"other"))
    if not judge.that(
        UPLOAD,
        len(paths) == 2 and paths[0] != paths[1],
        expected="status 200 and a list of two paths",
        got=answer.got,
        exchange=answer.exchange,
    ):
        if judge.target.version < (3, 19):
            judge.skip(HEAD, "there are no uploads before 3.19")
        judge.cannot_rest("nothing was uploaded")
        return
    name = paths[0].replace("\\", "/").rpartition("/")[2]
    judge.that(UPLOAD_NAME, name == "gradproto.txt", expected="a path that ends with /gradproto.txt", got=paths[0])

    where = "{P}/file=" + quote(paths[0], safe="/:", errors="replace")
    plain = [("accept-encoding", "identity")]
    whole = await ask(judge, "GET", where, headers=plain)
    judge.that(
        CONTENT,
        whole.status == 200 and whole.body == CONTENT_SENT,
        expected="status 200 and the bytes that were uploaded",
        got=whole.got,
        exchange=whole.exchange,
    )
    head = await ask(judge, "HEAD", where, headers=plain)
    judge.that(
        HEAD,
        head.status == 200 and head.header("content-length") == str(len(CONTENT_SENT)) and not head.body,
        expected=f"status 200, content-length: {len(CONTENT_SENT)}, no body",
        got=f"content-length: {head.header('content-length')}, {len(head.body)} bytes, {head.got}",
        exchange=head.exchange,
    )
    part = await ask(judge, "GET", where, headers=[*plain, ("range", "bytes=2-5")])
    judge.that(
        RANGE,
        part.status == 206
        and part.body == CONTENT_SENT[2:6]
        and part.header("content-range") == f"bytes 2-5/{len(CONTENT_SENT)}",
        expected=f"status 206, content-range: bytes 2-5/{len(CONTENT_SENT)} and the four bytes",
        got=f"content-range: {part.header('content-range')}, {part.got}",
        exchange=part.exchange,
    )


@scenario(CLIMBING_NAME, effect=Effect.FULL)
async def file_name_climbs(judge: Judge) -> None:
    """Upload files whose names lead elsewhere."""
    for name in ("../gradproto.txt", "../../../../gradproto.txt", "/gradproto.txt"):
        answer, paths = await upload(judge, (name, b"x"))
        outside = [path for path in paths if ".." in path or path == "/gradproto.txt"]
        judge.that(
            CLIMBING_NAME,
            not outside and answer.status is not None and (bool(paths) or answer.status >= 400),
            expected="an error, or a path without ..",
            got=answer.got,
            exchange=answer.exchange,
        )


@scenario(NO_UPLOAD, effect=Effect.FULL)
async def file_no_multipart(judge: Judge) -> None:
    """Post JSON to where files are uploaded."""
    answer = await ask(judge, "POST", "{P}/upload", value={"files": []})
    judge.that(NO_UPLOAD, answer.status == 400, expected="status 400", got=answer.got, exchange=answer.exchange)


@scenario(PROGRESS, effect=Effect.FULL)
async def file_upload_progress(judge: Judge) -> None:
    """Upload a file, and ask what there is to tell of it: who comes late has missed nothing in any version."""
    number = judge.unique("upload")
    answer, paths = await upload(judge, ("gradproto.txt", b"x" * 300_000), upload_id=number)
    if not paths:
        judge.cannot_rest(f"nothing was uploaded: {answer.got}")
        return
    async with listening(judge, "{P}/upload_progress", query={"upload_id": number}) as hearing:
        await hearing.until("done")
    judge.that(
        PROGRESS,
        hearing.kinds[-1:] == ["done"] and set(hearing.kinds) <= {"update", "done", "heartbeat"},
        expected="updates, and done",
        got=hearing.messages or hearing.trouble,
        exchange=hearing.exchange,
    )


@scenario(FORBIDDEN, CLIMBING, effect=Effect.FULL)
async def file_forbidden(judge: Judge) -> None:
    """Ask for files that are none of a client's business."""
    for path in SECRETS:
        if not await _is_refused(judge, FORBIDDEN, "{P}/file=" + quote(path, safe="/:"), range(403, 404)):
            break
    _, paths = await upload(judge, ("gradproto.txt", b"x"))
    folder = paths[0].rpartition("/")[0] if paths else "/tmp/gradio"
    for up in ("/../../../../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd"):
        if not await _is_refused(judge, CLIMBING, "{P}/file=" + folder + up, range(400, 600)):
            break


async def _is_refused(judge: Judge, one: Check, path: str, statuses: range) -> bool:
    answer = await ask(judge, "GET", path)
    return judge.that(
        one,
        answer.status in statuses,
        expected=f"{'status 403' if len(statuses) == 1 else 'an error'} for {path}",
        # What comes of a file of the server's is nobody's business.
        got=answer.got if answer.status is None else f"status {answer.status}, {len(answer.body)} bytes",
        exchange=answer.exchange,
    )


@scenario(TOO_LARGE, effect=Effect.FULL)
async def file_too_large(judge: Judge) -> None:
    """Upload a file of one byte too many."""
    limit = judge.target.config.get("max_file_size")
    if not isinstance(limit, int):
        judge.skip(TOO_LARGE, "the app has no limit for files")
        return
    if limit > LARGEST_TRIED:
        judge.skip(TOO_LARGE, f"the limit, {limit} bytes, is too much to try")
        return
    body, headers = multipart(("gradproto.txt", b"x" * (limit + 1)))
    answer = await ask(judge, "POST", "{P}/upload", body=body, headers=headers)
    judge.that(TOO_LARGE, answer.status == 413, expected="status 413", got=answer.got, exchange=answer.exchange)


# --- in payloads -----------------------------------------------------------------------------------------------------


@scenario(GIVEN, URL, needs=["file"], effect=Effect.FULL)
async def file_in_payload(judge: Judge) -> None:
    """Upload a file, and give it to a function, which gives one with its text in capitals."""
    answer, paths = await upload(judge, ("gradproto.txt", b"content"))
    if not paths:
        judge.cannot_rest(f"nothing was uploaded: {answer.got}")
        return
    async with joined(judge, "file", [{"path": paths[0], "meta": MARKED}]) as event:
        found = _file_in(outputs_of(await event.finish()))
    path = found.get("path")
    content = await _content(judge, path)
    judge.that(
        GIVEN,
        content == b"CONTENT!" and {"url", "orig_name", "size", "mime_type"} <= found.keys(),
        expected="an object with path, url, orig_name, size and mime_type, and CONTENT! at the path",
        got=found or event.trouble,
        exchange=event.exchange,
    )
    url = found.get("url")
    if not judge.that(
        URL,
        isinstance(url, str) and url.startswith(f"{judge.probe.base}/"),
        expected=f"an address that begins with {judge.probe.base}",
        got=found or event.trouble,
        exchange=event.exchange,
    ):
        return
    there = await ask(judge, "GET", str(url).removeprefix(judge.probe.base))
    judge.that(
        URL,
        there.exchange is not None and there.status == 200 and there.exchange.body == b"CONTENT!",
        expected="status 200 and CONTENT!",
        got=there.got,
        exchange=there.exchange,
    )


@scenario(MARK, needs=["files"], effect=Effect.FULL)
async def files_in_payload(judge: Judge) -> None:
    """Upload two files, and give them to a function, which gives a list of two."""
    answer, paths = await upload(judge, ("gradproto.txt", b"content"), ("other.txt", b"other"))
    if len(paths) != 2:
        judge.cannot_rest(f"nothing was uploaded: {answer.got}")
        return
    async with joined(judge, "files", [[{"path": path, "meta": MARKED} for path in paths]]) as event:
        outputs = outputs_of(await event.finish())
    found = outputs[0] if outputs else None
    judge.that(
        MARK,
        is_list(found) and len(found) == 2 and all(is_object(one) and one.get("meta") == MARKED for one in found),
        expected='a list of two objects with "meta": {"_type": "gradio.FileData"}',
        got=event.trouble if outputs is None else outputs,
        exchange=event.exchange,
    )


@scenario(MARK_WANTED, STRANGE, needs=["file"], effect=Effect.FULL)
async def file_that_is_refused(judge: Judge) -> None:
    """Give a function a file without its mark, and one of the server's own."""
    answer, paths = await upload(judge, ("gradproto.txt", b"content"))
    if paths:
        async with joined(judge, "file", [{"path": paths[0]}]) as event:
            await _expect_failure(judge, MARK_WANTED, event)
    else:
        judge.cannot(MARK_WANTED, f"nothing was uploaded: {answer.got}")
    async with joined(judge, "file", [{"path": SECRETS[0], "meta": MARKED}]) as event:
        await _expect_failure(judge, STRANGE, event)


async def _expect_failure(judge: Judge, one: Check, event: Event) -> None:
    message = await event.finish()
    judge.that(
        one,
        message is not None and message.get("success") is False,
        expected="process_completed with success: false",
        got=message or event.trouble,
        exchange=event.exchange,
    )


@scenario(NAMED, NAMED_INLINE, needs=["file"], effect=Effect.FULL)
async def file_in_payload_of_gradio_3(judge: Judge) -> None:
    """Give a function an uploaded file by its name, and one in the payload."""
    answer, paths = await upload(judge, ("gradproto.txt", b"content"))
    if paths:
        sent = {"name": paths[0], "orig_name": "gradproto.txt", "is_file": True, "data": None}
        async with joined(judge, "file", [sent]) as event:
            found = _file_in(outputs_of(await event.finish()))
        await _judge_named(judge, NAMED, found, event)
    else:
        judge.cannot(NAMED, f"nothing was uploaded: {answer.got}")
    async with joined(judge, "file", [_inline()]) as event:
        found = _file_in(outputs_of(await event.finish()))
    await _judge_named(judge, NAMED_INLINE, found, event)


async def _judge_named(judge: Judge, one: Check, found: dict[str, Any], event: Event) -> None:
    judge.that(
        one,
        found.get("is_file") is True
        and found.get("size") == 8
        and await _content(judge, found.get("name")) == b"CONTENT!",
        expected="an object with name, is_file: true and size: 8, and CONTENT! at that name",
        got=found or event.trouble,
        exchange=event.exchange,
    )


@scenario(INLINE, needs=["file"], effect=Effect.CALL)
async def file_in_the_payload_itself(judge: Judge) -> None:
    """Give a function a file in the payload; what it gives is one, too, or has a name."""
    answer = await call(judge, "file", [_inline()])
    found = _file_in(data_of(answer))
    content = await _content(judge, found.get("name")) if found.get("is_file") else of_data_url(found.get("data"))
    judge.that(
        INLINE,
        content == b"CONTENT!",
        expected="an object with data: a data URL of CONTENT!, or with is_file: true and a name where that is",
        got=answer.got,
        exchange=answer.exchange,
    )


def _inline() -> dict[str, Any]:
    return {"name": "gradproto.txt", "data": data_url(b"content", "text/plain"), "is_file": False, "size": 7}


def _file_in(outputs: list[Any] | None) -> dict[str, Any]:
    """Give the one output, an object; an empty one if it is none."""
    found = outputs[0] if outputs else None
    return found if is_object(found) else {}


async def _content(judge: Judge, path: object) -> bytes | None:
    """Give what there is at a path; ``None`` if the server does not give it."""
    if not isinstance(path, str):
        return None
    answer = await ask(judge, "GET", "{P}/file=" + quote(path, safe="/:", errors="replace"))
    return answer.exchange.body if answer.status == 200 and answer.exchange is not None else None
