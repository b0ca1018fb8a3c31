"""BASE: addresses, and HTTP itself."""

from __future__ import annotations

from urllib.parse import urlsplit

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._judge import Judge
from gradproto_conformance._target import is_prefix

from ._asking import ask, document, opened

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

PREFIX = check("base-prefix", "The API's routes stand below the prefix that the config names", "BASE-1.1")
NO_PREFIX = check("base-no-prefix", "The API's routes stand at the base", "BASE-1.2")
UNKNOWN = check("base-unknown-path", "A path that is no route gives 404", "BASE-1.3")
METHOD = check("base-wrong-method", "A known path with another method gives 405", "BASE-1.4")
ROOT = check("base-root", "The config's root is the address that was asked", "BASE-1.5")
ROOT_PATH = check("base-root-path", "The config's root is a path", "BASE-1.6")
TYPE = check("base-stream-type", "Event streams have their media type", "BASE-1.9")
COMPRESSED = check("base-stream-not-compressed", "Event streams are not compressed", "BASE-1.7")


@scenario(PREFIX, NO_PREFIX)
async def base_prefix(judge: Judge) -> None:
    """Ask for a route below the prefix, and at the base."""
    prefix = judge.target.config.get("api_prefix", "")
    judge.that(NO_PREFIX, prefix in ("", None), expected="no api_prefix", got=prefix)
    right = is_prefix(prefix) and not prefix.endswith("/")
    if judge.that(PREFIX, right, expected="api_prefix: a path without a slash at its end", got=prefix):
        answer = await document(judge, f"{prefix}/info")
        judge.that(PREFIX, answer.status == 200, expected="status 200", got=answer.got, exchange=answer.exchange)


@scenario(UNKNOWN)
async def base_unknown_path(judge: Judge) -> None:
    """Ask for what cannot be there."""
    answer = await document(judge, "/gradproto-asks-for-nothing")
    judge.that(UNKNOWN, answer.status == 404, expected="status 404", got=answer.got, exchange=answer.exchange)


@scenario(METHOD, effect=Effect.FULL)
async def base_wrong_method(judge: Judge) -> None:
    """Post to the config."""
    answer = await ask(judge, "POST", "/config", value={})
    judge.that(METHOD, answer.status == 405, expected="status 405", got=answer.got, exchange=answer.exchange)
    allowed = [method.strip() for method in (answer.header("allow") or "").split(",")]
    judge.that(METHOD, "GET" in allowed, expected="allow: GET", got=answer.header("allow"), exchange=answer.exchange)


@scenario(ROOT, ROOT_PATH)
async def base_root(judge: Judge) -> None:
    """Compare the root of the config with where it was asked for."""
    root = judge.target.config.get("root", "")
    judge.that(
        ROOT_PATH,
        isinstance(root, str) and (root == "" or root.startswith("/")),
        expected="empty, or a path",
        got=root,
    )
    judge.that(
        ROOT,
        isinstance(root, str) and _same_address(root, judge.probe.base) and not root.endswith("/"),
        expected=judge.probe.base,
        got=_describe_root(root, judge.probe.base),
    )


@scenario(TYPE, COMPRESSED)
async def base_stream(judge: Judge) -> None:
    """Open the stream of a session that never was, with a client that would take anything compressed."""
    accept = [("accept-encoding", "gzip, br, zstd, deflate"), ("accept", "text/event-stream")]
    path, query = "{P}/queue/data", {"session_hash": "gradproto-nobody"}
    if judge.target.version < (4, 9):
        path, query = "/queue/join", {"session_hash": "gradproto-nobody", "fn_index": "0"}
    async with opened(judge, "GET", path, query=query, headers=accept) as (stream, trouble):
        if stream is None:
            judge.that(TYPE, False, expected="status 200 and text/event-stream", got=trouble)
            judge.cannot_rest(trouble)
            return
        answer = stream.exchange
    media_type = (answer.header("content-type") or "").partition(";")[0].strip().lower()
    judge.that(
        TYPE,
        answer.status == 200 and media_type == "text/event-stream",
        expected="status 200 and text/event-stream",
        got=f"status {answer.status} and {answer.header('content-type')}",
        exchange=answer,
    )
    encoding = answer.header("content-encoding")
    judge.that(
        COMPRESSED, encoding in (None, "identity"), expected="no content-encoding", got=encoding, exchange=answer
    )


def _describe_root(root: object, base: str) -> str:
    """Say what is wrong with the config's root, and why that usually is."""
    if not isinstance(root, str) or _same_address(root, base):
        return str(root)
    # Until the address is right, the scheme is what people ask about: a browser refuses what is loaded by http.
    if root.startswith("http:") and base.startswith("https:"):
        return f"{root}: the config's root points to http behind https, since a proxy sends no X-Forwarded-Proto"
    return f"{root}: a proxy changes the host or the path, and does not say so in X-Forwarded-Host or the root path"


def _same_address(one: str, other: str) -> bool:
    """Whether two URLs are the same but for a default port that one of them names."""
    ports = {"http": 80, "https": 443}
    try:
        first, second = (
            (url.scheme, url.hostname, url.port or ports.get(url.scheme), url.path.rstrip("/"))
            for url in map(urlsplit, (one, other))
        )
    except ValueError:  # no address at all
        return False
    return first == second
