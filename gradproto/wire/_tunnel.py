"""The way through a proxy: the handshake that turns a connection to it into one to somebody else (RFC 9110, 9.3.6)."""

from __future__ import annotations

import base64
import binascii

import h11

from gradproto._errors import ConnectError

from ._actions import Proxy

__all__ = ["Tunnel", "refusal"]

# Bytes of the proxy's answer, as of any other: they all limit theirs to 8 to 32 KiB.
_MAX_HEADER_SIZE = 64 * 1024

# What may be done about a refusal, by its status.
_HINTS = {
    403: "it does not let this host or port through: whoever runs it may, or NO_PROXY can leave the host out of it",
    405: "it opens no tunnels, which https and WebSockets need",
    501: "it opens no tunnels, which https and WebSockets need",
    502: "it could not reach the host",
    503: "it could not reach the host, or has too much to do",
    504: "it did not reach the host in time",
}
_WANTS_LOGIN = "it wants a login: give it as proxy='http://user:password@host:port', in the variable or the argument"
_REFUSES_LOGIN = "it did not accept the user name and password of the proxy's URL"


class Tunnel:
    """The handshake with ``proxy`` for a tunnel to ``host`` and ``port``.

    Send ``request``, and give ``receive_data`` what comes until it returns True: then the stream is one to ``host``.
    What is secret for the other end is not in ``request``.
    """

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        self._proxy = proxy
        self._target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._received = 0
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEADER_SIZE)
        headers = [("Host", self._target)]
        if proxy.authorization is not None:
            headers.append(("Proxy-Authorization", proxy.authorization))
        self.request: bytes = self._h11.send(h11.Request(method="CONNECT", target=self._target, headers=headers))

    def receive_data(self, data: bytes) -> bool:
        """Take what the proxy said, ``b""`` for EOF; return whether the tunnel is there.

        Raises ``ConnectError`` where it will never be.
        """
        if not data:
            place = "inside its answer" if self._received else "without an answer"
            raise self._error(f"closed the connection {place}")
        self._received += len(data)
        self._h11.receive_data(data)
        event = self._next_event()
        after = self._h11.trailing_data[0]
        # h11 holds the limit only for what is incomplete, so the verdict would depend on how the bytes were cut.
        if self._received - len(after) > _MAX_HEADER_SIZE:
            raise self._too_large()
        if event is None:
            return False
        if not 200 <= event.status_code < 300:
            raise refusal(self._proxy, f"a tunnel to {self._target}", event)
        if after:
            # Nobody at the other end speaks before he is spoken to, so this is not from there.
            raise self._error("sent more than its answer")
        return True

    def _next_event(self) -> h11.Response | None:
        """Return the answer when its head is there."""
        try:
            event = self._h11.next_event()
            while isinstance(event, h11.InformationalResponse):
                event = self._h11.next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:
                raise self._too_large() from None
            what, _, quoted = str(error).partition(": ")
            # A header may be anybody's secret, so it is not shown.
            shown = "" if what == "illegal header line" else _shown(self._proxy, quoted)
            raise self._error(f"does not speak HTTP: {what}{shown}") from None
        return event if isinstance(event, h11.Response) else None

    def _too_large(self) -> ConnectError:
        return self._error(f"sent an answer whose head is larger than {_MAX_HEADER_SIZE} bytes")

    def _error(self, what: str) -> ConnectError:
        return ConnectError(f"the proxy {self._proxy.address} {what}, when asked for a tunnel to {self._target}")


def refusal(proxy: Proxy, what: str, answer: h11.Response | h11.InformationalResponse) -> ConnectError:
    """Return the error for a proxy that refused ``what``."""
    status = answer.status_code
    hint = _HINTS.get(status)
    if status == 407:
        hint = _WANTS_LOGIN if proxy.authorization is None else _REFUSES_LOGIN
    reason = _shown(proxy, str(bytes(answer.reason), "latin-1"))
    return ConnectError(f"{what}: the proxy {proxy.address} refused it with status {status}{reason}", hint=hint)


def _shown(proxy: Proxy, said: str) -> str:
    """Return what the proxy said, for an error text; nothing if its credentials are in it."""
    if not said or any(secret in said for secret in _secrets(proxy)):
        return ""
    return f" {said[:80]!r}"


def _secrets(proxy: Proxy) -> list[str]:
    if proxy.authorization is None:
        return []
    encoded = proxy.authorization.rpartition(" ")[2]
    try:
        user, _, password = base64.b64decode(encoded).decode("utf-8", "replace").partition(":")
    except binascii.Error:
        return [encoded]  # not of the kind that is a name and a password
    return [secret for secret in (encoded, password or user) if secret]
