"""The stream door of the asyncio client, through a proxy that makes tunnels (CONNECT, RFC 9110, section 9.3.6).

The clients can do this by themselves, with ``proxy=``; it is here to show how a stream is opened in steps.
"""

from __future__ import annotations

import asyncio

PROXY = ("127.0.0.1", 3128)


async def open_stream(host: str, port: int, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the proxy, and ask it for a tunnel to the app."""
    reader, writer = await asyncio.open_connection(*PROXY)
    try:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        writer.write(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode("ascii"))
        answer = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        writer.close()
        raise ConnectionError("the proxy closed the connection, or spoke no HTTP") from None
    except BaseException:
        writer.close()
        raise
    status = answer.split(maxsplit=2)[1:2]
    if status != [b"200"]:
        writer.close()
        raise ConnectionError(f"the proxy refused the tunnel with {answer.splitlines()[0]!r:.80}")
    return reader, writer
