"""Fetching files from the app."""

from __future__ import annotations

import re
from collections.abc import Callable

from ._answers import answer_error
from ._core import Core
from ._errors import GradprotoError, TransportError
from ._events import DownloadCompleted, DownloadDataReceived, DownloadFailed, DownloadStarted
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
        self._refusal: tuple[int, Headers] | None = None
        self._body = bytearray()

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
            self._core.events.append(DownloadDataReceived(download=self.number, data=data))

    def ended(self) -> None:
        """The file is complete, or was never there."""
        del self._core.downloads[self.number]
        if self._refusal is None:
            self._core.events.append(DownloadCompleted(download=self.number))
            return
        status, headers = self._refusal
        error = answer_error(status, headers, bytes(self._body), what=self.what, url=self.request.url)
        self._core.events.append(DownloadFailed(download=self.number, error=error))

    def failed(self, error: GradprotoError) -> None:
        """The file did not come whole."""
        del self._core.downloads[self.number]
        if isinstance(error, TransportError):
            named = type(error)(f"{self.what}: {error.message}", hint=error.hint)
            named.__cause__ = error
            error = named
        self._core.events.append(DownloadFailed(download=self.number, error=error))
