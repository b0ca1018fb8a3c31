"""Conversations: what the server keeps for one session hash, and what belongs to it here.

A session begins with one. Further ones share its connections, its config and its cookies, and nothing else: the State
of one is not seen in another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._api_info import Endpoints
from ._config import Config
from ._connect import Heartbeat
from ._core import Core
from ._errors import LocalProtocolError
from ._events import EndpointsChanged
from ._states import SessionState

if TYPE_CHECKING:
    from ._streams import EventStream

__all__ = ["Conversation"]

# A heartbeat takes a connection for as long as its conversation lives, and what carries jobs must not wait for those:
# so many fit beside 256 event streams. Without one the server keeps State all the same, until it has too much of it.
MAX_HEARTBEATS = 32


class Conversation:
    """One conversation with the app, for which the server keeps State; `Session.open_conversation` makes one.

    Callers read it, and only the session changes it.
    """

    def __init__(self, core: Core, main: EventStream) -> None:
        self._core = core
        # The stream whose session hash has the State; another one after a reset.
        self.main: EventStream = main
        self.closed: bool = False
        # How often it began anew because its caller wanted that.
        self.epoch: int = 0
        self._used = False
        self._heartbeat: Heartbeat | None = None
        # The app with the functions that gr.render made, and the session hash in which they can be called.
        self._rendered: tuple[Config, Endpoints] | None = None
        self._rendered_for: str | None = None

    def __repr__(self) -> str:
        return f"<Conversation {self.session_hash!r}>"

    @property
    def session_hash(self) -> str:
        """The name by which the server keeps its State."""
        return self.main.session_hash

    @property
    def config(self) -> Config:
        """The app's config, with what was made for this conversation; raises `LocalProtocolError` before it came."""
        config = self._core.config
        if config is None:
            raise LocalProtocolError(f"there is no config when the session is {self._core.state.value}")
        return config if self._rendered is None else self._rendered[0]

    @property
    def endpoints(self) -> Endpoints:
        """What can be called in this conversation; raises `LocalProtocolError` before that is known."""
        endpoints = self._core.endpoints
        if endpoints is None:
            raise LocalProtocolError(f"there are no endpoints when the session is {self._core.state.value}")
        return endpoints if self._rendered is None else self._rendered[1]

    def use(self) -> None:
        """A job belongs to it: there may be State to keep from now on."""
        if not self._used:
            self._used = True
            self.keep_state()

    def keep_state(self) -> None:
        """Let the heartbeat be that of the present session hash; there is no State to keep before the first job."""
        core = self._core
        if core.state is not SessionState.READY or not self._used or not Heartbeat.wanted(core):
            return
        if self._heartbeat is None:
            if core.heartbeats == MAX_HEARTBEATS:
                return
            core.heartbeats += 1
            self._heartbeat = Heartbeat(core)
        self._heartbeat.beat(self.session_hash)

    def stop(self) -> None:
        """Let go of the State, for good."""
        self.closed = True
        heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            self._core.heartbeats -= 1
            heartbeat.stop()

    def main_changed(self, main: EventStream) -> None:
        """There is another session hash, or another stream for it."""
        self.main = main
        if self.session_hash != self._rendered_for:
            self.forget_rendered()
        self.keep_state()

    def rendered(self, config: Config) -> None:
        """A function made other functions for this conversation: ``config`` has them."""
        self._rendered_for = self.session_hash
        self._rendered = config, self._described(config)
        self._tell()

    def forget_rendered(self) -> None:
        """The session hash for which functions were made is over, or the server that had them."""
        if self._rendered is not None:
            self.drop_rendered()
            self._tell()

    def drop_rendered(self) -> None:
        """The same, where everything is described anew anyway."""
        self._rendered = None
        self._rendered_for = None

    def _described(self, config: Config) -> Endpoints:
        return Endpoints(config, self.endpoints.info, self.endpoints.payload)

    def _tell(self) -> None:
        self._core.events.append(EndpointsChanged(config=self.config, session_hash=self.session_hash))
