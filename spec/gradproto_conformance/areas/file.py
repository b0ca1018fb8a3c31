"""FILE: up and down. What files are in payloads is judged where calls are made."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from gradproto_conformance._checks import Check, Effect, Registry
from gradproto_conformance._exchange import Exchange, NotJson
from gradproto_conformance._judge import Judge

__all__ = ["REGISTRY", "multipart", "upload"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

UPLOAD = check("file-upload", "Uploaded files get a path each, in their order", "FILE-1.1")
CONTENT = check("file-content", "An uploaded file comes back as it was", "FILE-1.2", "FILE-3.1")
UPLOAD_NAME = check("file-name-kept", "The path of an upload ends with the file's name", "FILE-1.2")
CLIMBING_NAME = check("file-name-climbs", "A file name cannot lead out of the folder of uploads", "FILE-1.3")
NO_UPLOAD = check("file-no-multipart", "An upload that is no form is refused", "FILE-1.4")
PROGRESS = check("file-upload-progress", "The progress of an upload can be watched", "FILE-1.6")
HEAD = check("file-head", "The head of a file can be asked for alone", "FILE-3.2")
RANGE = check("file-range", "A part of a file can be asked for", "FILE-3.3")
FORBIDDEN = check("file-forbidden", "Other files of the server's are not given", "FILE-3.4")
CLIMBING = check("file-climbs", "A path cannot climb out of what is served", "FILE-3.5")

CONTENT_SENT = "gradproto \u2713\r\n\x00 end".encode()
BOUNDARY = "gradproto-4d5a"
# What is there on all machines that Gradio runs on, or nowhere: it must not matter.
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


async def upload(judge: Judge, *files: tuple[str, bytes], **query: str) -> tuple[Exchange, list[str]]:
    """Upload files; gives the paths, or none if that failed."""
    body, headers = multipart(*files)
    answer = await judge.probe.ask("POST", "{P}/upload", body=body, headers=headers, query=query)
    try:
        paths: Any = answer.json()
    except NotJson:
        paths = None
    good = answer.status == 200 and isinstance(paths, list) and all(isinstance(path, str) for path in paths)
    return answer, list(paths) if good else []


@scenario(UPLOAD, CONTENT, UPLOAD_NAME, HEAD, RANGE, effect=Effect.FULL)
async def file_up_and_down(judge: Judge) -> None:
    """Upload two files, and get one of them back in several ways."""
    answer, paths = await upload(judge, ("gradproto.txt", CONTENT_SENT), ("other.txt", b"other"))
    if not judge.that(
        UPLOAD,
        len(paths) == 2 and paths[0] != paths[1],
        expected="status 200 and a list of two paths",
        got=f"status {answer.status}, {answer.text}",
        exchange=answer,
    ):
        for one in (CONTENT, UPLOAD_NAME, HEAD, RANGE):
            judge.cannot(one, "nothing was uploaded")
        return
    name = paths[0].replace("\\", "/").rpartition("/")[2]
    judge.that(UPLOAD_NAME, name == "gradproto.txt", expected="a path that ends with /gradproto.txt", got=paths[0])

    where = "{P}/file=" + quote(paths[0], safe="/:")
    plain = [("accept-encoding", "identity")]
    whole = await judge.probe.ask("GET", where, headers=plain)
    judge.that(
        CONTENT,
        whole.status == 200 and whole.body == CONTENT_SENT,
        expected="status 200 and the bytes that were uploaded",
        got=f"status {whole.status}, {whole.text}",
        exchange=whole,
    )
    head = await judge.probe.ask("HEAD", where, headers=plain)
    judge.that(
        HEAD,
        head.status == 200 and head.header("content-length") == str(len(CONTENT_SENT)) and not head.body,
        expected=f"status 200, content-length: {len(CONTENT_SENT)}, no body",
        got=f"status {head.status}, content-length: {head.header('content-length')}, {len(head.body)} bytes",
        exchange=head,
    )
    part = await judge.probe.ask("GET", where, headers=[*plain, ("range", "bytes=2-5")])
    judge.that(
        RANGE,
        part.status == 206
        and part.body == CONTENT_SENT[2:6]
        and part.header("content-range") == f"bytes 2-5/{len(CONTENT_SENT)}",
        expected=f"status 206, content-range: bytes 2-5/{len(CONTENT_SENT)} and the four bytes",
        got=f"status {part.status}, content-range: {part.header('content-range')}, {part.text}",
        exchange=part,
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
            got=f"status {answer.status}, {answer.text}",
            exchange=answer,
        )


@scenario(NO_UPLOAD, effect=Effect.FULL)
async def file_no_multipart(judge: Judge) -> None:
    """Post JSON to where files are uploaded."""
    answer = await judge.probe.ask("POST", "{P}/upload", value={"files": []})
    judge.that(NO_UPLOAD, answer.status == 400, expected="status 400", got=answer.status, exchange=answer)


@scenario(PROGRESS, effect=Effect.FULL)
async def file_upload_progress(judge: Judge) -> None:
    """Watch an upload."""
    number = judge.unique("upload")
    seen: list[str] = []
    body, headers = multipart(("gradproto.txt", b"x" * 300_000))
    async with judge.together() as together:
        together(_watch, judge, number, seen)
        await judge.probe.ask("POST", "{P}/upload", body=body, headers=headers, query={"upload_id": number})
    judge.that(PROGRESS, seen[-1:] == ["done"], expected="updates, and done", got=seen)


async def _watch(judge: Judge, number: str, seen: list[str]) -> None:
    query = {"upload_id": number}
    async with (
        judge.probe.open("GET", "{P}/upload_progress", query=query) as stream,
        aclosing(stream.messages()) as told,
    ):
        async for message in told:
            seen.append(str(message.get("msg")))
            if seen[-1] == "done":
                return


@scenario(FORBIDDEN, CLIMBING, effect=Effect.FULL)
async def file_forbidden(judge: Judge) -> None:
    """Ask for files that are none of a client's business."""
    for path in SECRETS:
        await _expect_refusal(judge, FORBIDDEN, "{P}/file=" + quote(path, safe="/:"), range(403, 404))
    _, paths = await upload(judge, ("gradproto.txt", b"x"))
    folder = paths[0].rpartition("/")[0] if paths else "/tmp/gradio"
    for up in ("/../../../../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd"):
        await _expect_refusal(judge, CLIMBING, "{P}/file=" + folder + up, range(400, 600))


async def _expect_refusal(judge: Judge, one: Check, path: str, statuses: range) -> None:
    answer = await judge.probe.ask("GET", path)
    judge.that(
        one,
        answer.status in statuses,
        expected=f"{'status 403' if len(statuses) == 1 else 'an error'} for {path}",
        got=f"status {answer.status}, {len(answer.body)} bytes",
        exchange=answer,
    )
