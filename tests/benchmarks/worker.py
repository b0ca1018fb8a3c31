"""One measurement in a process of its own: ``python worker.py PEER TASK URL COUNT`` prints one line of JSON.

A process of its own makes CPU time, memory and thread counts those of the peer alone. Times are of the task only, after
one call to warm up; imports are measured by a task of their own.
"""

from __future__ import annotations

import concurrent.futures
import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))


def measure(work: Callable[[], object]) -> dict[str, Any]:
    """Return wall and CPU seconds of ``work``, and what it says besides."""
    wall, cpu = time.perf_counter(), time.process_time()
    more = work()
    result: dict[str, Any] = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    if isinstance(more, dict):
        result.update(more)
    return result


def open_peer(peer: str, url: str) -> Any:
    """Return a connected client."""
    if peer == "gradproto":
        from gradproto_transports.sync import Client

        return Client(url)
    from gradio_client import Client as Official

    return Official(url, verbose=False)


def predict(peer: str, url: str, count: int) -> dict[str, Any]:
    """Call /echo ``count`` times, one after the other."""
    if peer in ("h11", "bare"):
        import floors

        fn_index = floors.H11Floor(url).find("echo")
        if peer == "bare":
            bare = floors.BareFloor(url)
            session = floors.new_session_hash()
            assert bare.predict(fn_index, ["warm"], session) == "warm"

            def run_bare() -> None:
                for _ in range(count):
                    bare.predict(fn_index, ["hello"], session)

            return measure(run_bare)
        floor = floors.H11Floor(url)
        session = floors.new_session_hash()

        def run_h11() -> None:
            for _ in range(count):
                *_, _completed, closing = floor.call(fn_index, ["hello"], session)
                assert closing["msg"] == "close_stream"

        run_h11()
        return measure(run_h11)
    client = open_peer(peer, url)
    assert client.predict("warm", api_name="/echo") == "warm"

    def run() -> None:
        for _ in range(count):
            client.predict("hello", api_name="/echo")

    return measure(run)


CALLERS = 4


def throughput(peer: str, url: str, count: int) -> dict[str, Any]:
    """Call /echo ``count`` times over some connections at once, with the least that a client can do."""
    import floors

    fn_index = floors.H11Floor(url).find("echo")
    callers = [(floors.BareFloor(url), floors.new_session_hash()) for _ in range(CALLERS)]

    def call(caller: tuple[Any, str]) -> None:
        floor, session = caller
        for _ in range(count // CALLERS):
            assert floor.predict(fn_index, ["hello"], session) == "hello"

    with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda caller: caller[0].predict(fn_index, ["warm"], caller[1]), callers))
        return measure(lambda: list(pool.map(call, callers)))


def connect(peer: str, url: str, count: int) -> dict[str, Any]:
    """Connect ``count`` times: config and API description."""
    if peer == "h11":
        import floors

        def run_h11() -> None:
            for _ in range(count):
                floors.H11Floor(url).connect()

        return measure(run_h11)
    open_peer(peer, url).close()

    def run() -> None:
        for _ in range(count):
            open_peer(peer, url).close()

    return measure(run)


def load(peer: str, url: str, count: int) -> dict[str, Any]:
    """Import the client."""
    modules = {"gradproto": "gradproto_transports.sync", "gradio_client": "gradio_client", "h11": "h11"}

    def run() -> dict[str, Any]:
        __import__(modules[peer])
        return {"modules": len(sys.modules)}

    return measure(run)


def jobs(peer: str, url: str, count: int) -> dict[str, Any]:
    """Submit ``count`` jobs at once and wait for all of them."""
    client = open_peer(peer, url)
    client.predict("warm", api_name="/echo")
    before = threading.active_count()
    most = before

    def run() -> dict[str, Any]:
        nonlocal most
        running = [client.submit(f"job {index}", api_name="/echo") for index in range(count)]
        most = max(most, threading.active_count())
        # The official client loses some now and then: that is a figure, too.
        failures = sum(_failed(job, f"job {index}") for index, job in enumerate(running))
        return {"failures": failures, "threads": most - before}

    return measure(run)


def _failed(job: Any, expected: str) -> bool:
    try:
        return bool(job.result(timeout=120) != expected)
    except (concurrent.futures.CancelledError, concurrent.futures.TimeoutError):
        return True


def stream(peer: str, url: str, count: int) -> dict[str, Any]:
    """Take ``count`` outputs of one generator."""
    if peer == "h11":
        import floors

        floor = floors.H11Floor(url)
        fn_index = floor.find("count")

        def run_h11() -> dict[str, Any]:
            messages = floor.call(fn_index, [count], floors.new_session_hash())
            return {"outputs": sum(message["msg"] == "process_generating" for message in messages)}

        return measure(run_h11)
    client = open_peer(peer, url)
    client.predict(1, api_name="/count")

    def run() -> dict[str, Any]:
        return {"outputs": sum(1 for _ in client.submit(count, api_name="/count"))}

    return measure(run)


def growing(peer: str, url: str, count: int) -> dict[str, Any]:
    """Take the outputs of a chat whose last message grows word by word, ``count`` words."""
    client = open_peer(peer, url)
    client.predict("hi", [], api_name="/chat")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def run() -> dict[str, Any]:
        outputs = 0
        for _ in client.submit(" ".join(["word"] * count), [], api_name="/chat"):
            outputs += 1
        return {"outputs": outputs, "grown": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024}

    return measure(run)


def transfer(peer: str, url: str, count: int) -> dict[str, Any]:
    """Upload ``count`` MiB to /upper and download the result."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "large.txt"
        with path.open("wb") as file:
            for _ in range(count):
                file.write(b"abcdefgh" * 131_072)
        if peer == "bare":
            return transfer_bare(url, path)
        client = open_peer(peer, url)
        client.predict("warm", api_name="/echo")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        def run() -> dict[str, Any]:
            from gradproto_transports.sync import handle_file

            result = client.predict(handle_file(path), api_name="/upper")
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
            assert Path(result).stat().st_size == path.stat().st_size
            return {"grown": grown}

        return measure(run)


def transfer_bare(url: str, path: Path) -> dict[str, Any]:
    """Do the same with plain sockets."""
    import socket

    import floors

    floor = floors.H11Floor(url)
    fn_index = floor.find("upper")
    size = path.stat().st_size
    target = path.with_suffix(".out")
    head = (
        b'--B\r\nContent-Disposition: form-data; name="files"; filename="large.txt"\r\nContent-Type: text/plain\r\n\r\n'
    )
    tail = b"\r\n--B--\r\n"

    def run() -> None:
        upload = socket.create_connection(floor.socket.getpeername())
        upload.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Content-Type: multipart/form-data; boundary=B\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(head) + size + len(tail), head)
        )
        with path.open("rb") as file:
            while piece := file.read(262_144):
                upload.sendall(piece)
        upload.sendall(tail)
        answer = b"".join(iter(lambda: upload.recv(65536), b""))
        [stored] = json.loads(answer[answer.index(b"\r\n\r\n") + 4 :])
        value = {"path": stored, "meta": {"_type": "gradio.FileData"}}
        # A connection of its own: the server has closed the first one, idle for so long.
        messages = floors.H11Floor(url).call(fn_index, [value], floors.new_session_hash())
        *_, completed, _ = messages
        result = completed["output"]["data"][0]["path"]
        download = socket.create_connection(floor.socket.getpeername())
        download.sendall(b"GET /gradio_api/file=%b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % result.encode())
        with target.open("wb", buffering=0) as file:
            received = download.recv(262_144)
            file.write(received[received.index(b"\r\n\r\n") + 4 :])
            while piece := download.recv(262_144):
                file.write(piece)
        assert target.stat().st_size == size

    return measure(run)


TASKS = {
    "predict": predict,
    "throughput": throughput,
    "connect": connect,
    "load": load,
    "jobs": jobs,
    "stream": stream,
    "growing": growing,
    "transfer": transfer,
}

if __name__ == "__main__":
    name, task, address, number = sys.argv[1:]
    print(json.dumps(TASKS[task](name, address, int(number))))
