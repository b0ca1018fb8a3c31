"""Bytes for a session: HTTP/1.1 and WebSockets, without a socket.

`WireClient` stands between a `gradproto.Session` and a driver that owns the connections.
"""

from __future__ import annotations

from ._actions import Action as Action
from ._actions import Close as Close
from ._actions import Connect as Connect
from ._actions import Proxy as Proxy
from ._actions import Send as Send
from ._actions import SendFile as SendFile
from ._client import Conversation as Conversation
from ._client import WireClient as WireClient
from ._client import WireLimits as WireLimits
from ._tunnel import Tunnel as Tunnel

__all__ = [
    "Action",
    "Close",
    "Connect",
    "Conversation",
    "Proxy",
    "Send",
    "SendFile",
    "Tunnel",
    "WireClient",
    "WireLimits",
]
