"""Fetching files from the app."""

from __future__ import annotations

import re
from collections.abc import Callable

from ._answers import answer_error
from ._core import Core
from ._errors import GradprotoError, TransportError
from ._events import DownloadCompleted, DownloadDataReceived, DownloadFailed, DownloadRetried, DownloadStarted
from ._exchanges import Exchange, Headers, header_value
from ._urls import redact_url

__all__ = ["ORIGINS_HINT", "Download"]

ORIGINS_HINT = "allow that origin with file_origins="


class Download(Exchange):
    """One file on its way."""

    leaving_hint = ORIGINS_HINT

    def __init__(self, core: Core, number: int, url: str, may_fetch: Callable[[str], bool]) -> None:
        super().__init__(f"the download of {redact_url(url)}", timeout=core.timeouts.request, limit="request")
        self.number = number
        self._may_fetch = may_fetch
        self._core = core
        self._url = url
        self._retries = 0

    def start(self) -> None:
        """Ask for it, as if for the first time."""
        self._refusal: tuple[int, Headers] | None = None
        self._body = bytearray()
        self._came = False
        self.redirects = 0
        self.may_log_in_again = True
        self._core.exchanges.start(self, "GET", self._url, safe_to_repeat=True)

    def may_go_to(self, url: str) -> bool:
        """Return whether the file may be fetched from there, where the app says that it lies there."""
        return self._may_fetch(url)

    def started(self, status: int, headers: Headers) -> None:
        """Tell how big the file is, or begin to read why there is none."""
        if status != 200:
            self._refusal = (status, headers)
            return
        length = header_value(headers, "content-length") or ""
        self._core.events.append(
            DownloadStarted(
                download=self.number,
                size=int(length) if re.fullmatch("[0-9]{1,18}", length) else None,
                mime_type=(header_value(headers, "content-type") or "").partition(";")[0].strip() or None,
            )
        )

    def data(self, data: bytes) -> None:
        """Hand the bytes on."""
        if self._refusal is not None:
            self._body += data[: 65_536 - len(self._body)]
        else:
            self._came = True
            self._core.events.append(DownloadDataReceived(download=self.number, data=data))

    def ended(self) -> None:
        """The file is complete, or was never there."""
        if self._refusal is None:
            del self._core.downloads[self.number]
            self._core.events.append(DownloadCompleted(download=self.number))
            return
        status, headers = self._refusal
        error = answer_error(status, headers, bytes(self._body), what=self.what, url=self.request.url)
        self._try_again_or_give_up(error)

    def failed(self, error: GradprotoError) -> None:
        """The file did not come whole."""
        self._try_again_or_give_up(self._named(error))

    def stop(self, error: GradprotoError) -> None:
        """Nobody waits for it any more."""
        self._give_up(self._named(error))

    def _give_up(self, error: GradprotoError) -> None:
        self._core.timers.cancel(self.timer)
        del self._core.downloads[self.number]
        self._core.events.append(DownloadFailed(download=self.number, error=error))

    def _try_again_or_give_up(self, error: GradprotoError) -> None:
        core = self._core
        # What was handed out is not taken back, and the rest may be of another file by now.
        delay = None if self._came else core.delay_of(error, self._retries)
        if delay is None:
            self._give_up(core.last_error(error, self._retries))
            return
        self._retries += 1
        core.events.append(
            DownloadRetried(download=self.number, attempt=self._retries, delay=delay, error=error.with_traceback(None))
        )
        # Whoever stops the download stops this timer with it.
        self.timer = core.timers.start(delay, self.start)

    def _named(self, error: GradprotoError) -> GradprotoError:
        if not isinstance(error, TransportError):
            return error
        named = type(error)(f"{self.what}: {error.message}", hint=error.hint)
        named.__cause__ = error
        return named
