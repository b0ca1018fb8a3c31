"""The errors that gradproto raises or hands out, as one tree.

Every error says what went wrong, where, and with which thing. It may carry a ``hint``: one sentence on what to do
about it. No error ever carries a token, a cookie or a password.

What is a ``ValueError`` in Gradio's own client is one here too, so that programs which catch that go on to work.
"""

from __future__ import annotations

import concurrent.futures

__all__ = [
    "AppError",
    "ArgumentError",
    "AuthenticationError",
    "ConnectError",
    "ConnectionLostError",
    "DeadlineExceeded",
    "DuplicationError",
    "EndpointNotFoundError",
    "GradprotoError",
    "JobCancelledError",
    "JobError",
    "LocalProtocolError",
    "NoGPUAvailableError",
    "ProtocolError",
    "QueueFullError",
    "QuotaExceededError",
    "RateLimitedError",
    "ReadError",
    "RemoteProtocolError",
    "SessionExpiredError",
    "SpaceError",
    "TransportError",
    "UnsupportedServerError",
    "ValidationError",
    "WriteError",
    "ZeroGPUError",
]


class GradprotoError(Exception):
    """The root of all errors of this package; ``hint`` is advice for a person, or ``None``.

    ``status`` is the HTTP status that the error is about, ``retry_after`` the seconds that the server then asks to
    wait; each is ``None`` where there is none.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status: int | None = None
        self.retry_after: float | None = None

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class ProtocolError(GradprotoError):
    """Somebody broke the protocol: see the two subclasses for who."""


class LocalProtocolError(ProtocolError):
    """The caller asked for something that is not allowed now; nothing was changed and nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The server sent something that the protocol does not allow there."""


class TransportError(GradprotoError):
    """The network failed: see the subclasses for where."""


class ConnectError(TransportError):
    """No connection could be made: host not found, refused, timed out, or TLS failed."""


class ReadError(TransportError):
    """The connection broke or ended before the answer was complete."""


class WriteError(TransportError):
    """The connection broke while a request was being sent."""


class DeadlineExceeded(GradprotoError, TimeoutError):
    """A time limit ran out; the message names the limit and its seconds."""


class JobError(GradprotoError):
    """A job ended without a result."""


class AppError(JobError, ValueError):
    """The app's function failed.

    ``title`` is the heading the app gave, ``duration`` the seconds its own page would show the message (``None`` means
    until dismissed), ``visible`` whether its page would show it at all.
    """

    def __init__(
        self,
        message: str,
        *,
        title: str | None = None,
        duration: float | None = None,
        visible: bool = True,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.title = title
        self.duration = duration
        self.visible = visible


class ZeroGPUError(AppError):
    """ZeroGPU, which lends GPUs to Spaces of the Hugging Face Hub, ended the app's function; see the subclasses, too.

    It says so through the function's own failure, so that a part of the function may have run. Known by the texts of
    the package ``spaces``, 0.6 to 0.51; any other text is an `AppError`.
    """


class QuotaExceededError(ZeroGPUError):
    """The quota of ZeroGPU that the call counts for is used up.

    ``requested`` is the seconds of GPU time that the call would have taken, ``left`` those that are left, and
    ``retry_after`` the seconds after which it may work; each is ``None`` where ZeroGPU does not say.
    """

    def __init__(
        self,
        message: str,
        *,
        title: str | None = None,
        duration: float | None = None,
        visible: bool = True,
        requested: float | None = None,
        left: float | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, title=title, duration=duration, visible=visible, hint=hint)
        self.requested = requested
        self.left = left
        self.retry_after = retry_after


class NoGPUAvailableError(ZeroGPUError):
    """ZeroGPU had no free GPU within the time that it waits for one; a later call may get one."""


class ValidationError(JobError, ValueError):
    """The server refused argument values; ``parameters`` maps a parameter's name to the server's message about it."""

    def __init__(self, message: str, *, parameters: dict[str, str] | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.parameters: dict[str, str] = dict(parameters or {})


class QueueFullError(JobError):
    """The app's queue takes no more jobs now; the job was not run."""


class JobCancelledError(JobError, concurrent.futures.CancelledError):
    """The job was cancelled; ``JobCancelled`` is the event, this is what waiting for the result raises."""


class ConnectionLostError(JobError):
    """The connection that carried the job's messages broke; whether the job ran to its end is not known."""


class SessionExpiredError(JobError):
    """The server no longer knows the session, nor its State: it restarted, or another replica answered."""


class AuthenticationError(GradprotoError, ValueError):
    """The app wants a login, or refused the one that was given."""


class RateLimitedError(GradprotoError):
    """The server answered 429; ``retry_after`` is the seconds it asks to wait, or ``None`` if it did not say."""

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class UnsupportedServerError(GradprotoError, ValueError):
    """What answered is no Gradio app, or one that speaks a protocol generation that is not supported."""


class EndpointNotFoundError(GradprotoError, ValueError):
    """The app has no such endpoint, or none was named where there are several."""


class ArgumentError(GradprotoError, TypeError, ValueError):
    """The arguments do not fit the endpoint; nothing was sent."""


class SpaceError(GradprotoError, ValueError):
    """A Hugging Face Space cannot be used; ``stage`` is its runtime stage, if known."""

    def __init__(self, message: str, *, stage: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.stage = stage


class DuplicationError(SpaceError):
    """A Space could not be duplicated, or not wholly: ``space`` is the id of the copy, ``done`` says in words what was
    changed, in order, and ``not_done`` what was not.
    """

    def __init__(
        self,
        message: str,
        *,
        space: str = "",
        done: tuple[str, ...] = (),
        not_done: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.space = space
        self.done: tuple[str, ...] = done
        self.not_done: tuple[str, ...] = not_done
