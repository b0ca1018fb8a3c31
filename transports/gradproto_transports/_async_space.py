"""What a program with an event loop asks of the Hub itself, as trio and asyncio share it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gradproto import (
    ConnectionLostError,
    DuplicationError,
    Event,
    GradprotoError,
    HubFailed,
    HubSession,
    SpaceDuplicated,
    SpaceFound,
    SpaceStageReported,
)

from ._async_inner import DriverFactory
from ._options import HubOptions

__all__ = ["ask_hub"]

logger = logging.getLogger("gradproto")


async def ask_hub(
    options: HubOptions, begin: Callable[[HubSession], None], make_driver: DriverFactory
) -> SpaceFound | SpaceDuplicated:
    """Let a session begin something, and wait for what comes of it; raises what that is, if it is an error.

    Where whoever waits is cancelled while a copy is being made, the log says what was done until then.
    """
    session = options.new_session()
    begin(session)
    outcome: list[SpaceFound | SpaceDuplicated | GradprotoError] = []

    def handle(event: Event) -> None:
        if isinstance(event, SpaceStageReported):
            options.stage_told(event)
        elif isinstance(event, HubFailed):
            outcome.append(event.error)
        elif isinstance(event, (SpaceFound, SpaceDuplicated)):
            outcome.append(event)
        waiters.notify()

    def stopped(failure: BaseException | None) -> None:
        error = ConnectionLostError("the question to the Hub was given up")
        error.__cause__ = failure
        outcome.append(error)
        waiters.notify()

    def give_up() -> None:
        session.give_up(ConnectionLostError("it was cancelled"))
        # Here, and not in the driver's next turn: there may be none.
        while (event := session.next_event()) is not None:
            if isinstance(event, HubFailed) and isinstance(event.error, DuplicationError):
                logger.warning("%s", event.error)

    driver = make_driver(
        session,
        connect_timeout=options.timeouts.connect,
        proxies=options.proxies,
        on_event=handle,
        on_stop=stopped,
    )
    waiters = driver.waiters()
    async with driver.running():
        try:
            driver.call(lambda: None)
            await waiters.wait(lambda: bool(outcome))
        finally:
            if driver.alive:
                if not outcome:
                    driver.call(give_up)
                driver.call(session.close)
            await driver.close()
    found = outcome[0]
    if isinstance(found, GradprotoError):
        raise found
    return found
