"""What a sync program asks of the Hub itself: how a Space is, that it wakes up, a copy of it."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from gradproto import (
    ConnectionLostError,
    DeadlineExceeded,
    Event,
    GradprotoError,
    HubFailed,
    HubSession,
    SpaceDuplicated,
    SpaceFound,
    SpaceInfo,
    SpaceStageReported,
    Timeouts,
)

from ._options import SPACE_WAIT, HubOptions, SpaceCallback
from ._sync_driver import Driver, OpenStream
from ._tls import tls_factory

if TYPE_CHECKING:
    import ssl

__all__ = ["ask_hub", "space_info", "wake_space"]


def ask_hub(
    options: HubOptions,
    begin: Callable[[HubSession], None],
    *,
    tls: Callable[[], ssl.SSLContext],
    open_stream: OpenStream | None,
    timeout: float | None = None,
) -> SpaceFound | SpaceDuplicated:
    """Let a session begin something, and wait for what comes of it; raises what that is, if it is an error.

    After ``timeout`` seconds it is given up, and when an interrupt comes; what is raised, or the cause of that, says
    what was done until then.
    """
    session = options.new_session()
    begin(session)
    outcome: concurrent.futures.Future[SpaceFound | SpaceDuplicated] = concurrent.futures.Future()

    def handle(event: Event) -> None:
        if isinstance(event, SpaceStageReported):
            options.stage_told(event)
        elif isinstance(event, HubFailed):
            outcome.set_exception(event.error)
        elif isinstance(event, (SpaceFound, SpaceDuplicated)):
            outcome.set_result(event)

    def stopped(failure: BaseException | None) -> None:
        if not outcome.done():
            error = ConnectionLostError("the question to the Hub was given up")
            error.__cause__ = failure
            outcome.set_exception(error)

    driver = Driver(
        session,
        connect_timeout=options.timeouts.connect,
        proxies=options.proxies,
        tls=tls,
        open_stream=open_stream,
        on_event=handle,
        on_stop=stopped,
    )

    def give_up(error: GradprotoError) -> BaseException | None:
        if not driver.try_post(lambda: session.give_up(error)):
            return error
        return outcome.exception()  # at once: nobody has to be asked for that

    try:
        concurrent.futures.wait([outcome], timeout)
        if not outcome.done():
            give_up(DeadlineExceeded(f"it did not end within {timeout:.3g} s"))
        return outcome.result()
    except KeyboardInterrupt as stop:
        raise stop from give_up(ConnectionLostError("it was interrupted"))
    finally:
        if driver.try_post(session.close):
            driver.stop()
        driver.join()


def space_info(
    space: str,
    *,
    token: str | bool | None = None,
    hf_token: str | bool | None = None,
    hub_url: str | None = None,
    timeouts: Timeouts | None = None,
    ssl_context: ssl.SSLContext | None = None,
    ssl_verify: bool = True,
    proxy: str | Literal[False] | None = None,
    open_stream: OpenStream | None = None,
) -> SpaceInfo:
    """Return how a Hugging Face Space is, without waking it; the options are those of `Client`.

    Raises `SpaceError` where there is none, as far as the token can see, and `AuthenticationError`, `RateLimitedError`,
    `ConnectError` and so on for what keeps the Hub from telling.
    """
    options = HubOptions.of(
        token=token,
        hf_token=hf_token,
        hub_url=hub_url,
        timeouts=timeouts,
        proxy=proxy,
        open_stream=open_stream,
    )
    tls = tls_factory(ssl_context, verify=ssl_verify)
    found = ask_hub(options, lambda session: session.find(space), tls=tls, open_stream=open_stream)
    assert isinstance(found, SpaceFound)
    return found.space


def wake_space(
    space: str,
    *,
    token: str | bool | None = None,
    hf_token: str | bool | None = None,
    hub_url: str | None = None,
    space_wait: float = SPACE_WAIT,
    space_callback: SpaceCallback | None = None,
    timeouts: Timeouts | None = None,
    ssl_context: ssl.SSLContext | None = None,
    ssl_verify: bool = True,
    proxy: str | Literal[False] | None = None,
    verbose: bool = False,
    open_stream: OpenStream | None = None,
) -> SpaceInfo:
    """Wake a Hugging Face Space if it sleeps, and return when its app runs; the options are those of `Client`.

    Raises `SpaceError`, with the stage, where it will not run by itself, or not within ``space_wait`` seconds, and what
    `space_info` raises.
    """
    options = HubOptions.of(
        token=token,
        hf_token=hf_token,
        hub_url=hub_url,
        timeouts=timeouts,
        verbose=verbose,
        space_callback=space_callback,
        proxy=proxy,
        open_stream=open_stream,
    )
    tls = tls_factory(ssl_context, verify=ssl_verify)
    found = ask_hub(
        options, lambda session: session.wake(space, space_wait=space_wait), tls=tls, open_stream=open_stream
    )
    assert isinstance(found, SpaceFound)
    return found.space
