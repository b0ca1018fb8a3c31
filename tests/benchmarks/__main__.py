"""``python -m tests.benchmarks [TASK ...]``: how fast the sync client is, beside the official one and two floors.

The task ``servers`` asks how fast the fake server is beside a real Gradio, and ``core`` what the core takes without a
network, beside the JSON that it has to decode.

Every figure is a ratio within one run, of medians over rounds in which the peers take turns, each in a process of its
own. The server is the fake one in another process, and for the task ``real`` a real Gradio. Nothing here passes or
fails: it prints.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from .core import measure_core

HERE = Path(__file__).parent
SERVER = """
from gradproto_fake_server import demo_app, serve_forever
serve_forever(demo_app(), "127.0.0.1", 0, ready=lambda url: print("READY", url, flush=True))
"""
ENVIRONMENT = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # a client is not compiled anew at every start

# Task: its peers with how often each does its work (the slow official client less often), and the rounds.
PLANS: dict[str, tuple[dict[str, int], int]] = {
    "load": ({"gradproto": 1, "gradio_client": 1, "h11": 1}, 9),
    "connect": ({"gradproto": 50, "gradio_client": 5, "h11": 50}, 3),
    "predict": ({"gradproto": 500, "gradio_client": 20, "h11": 500, "bare": 500}, 5),
    "stream": ({"gradproto": 10_000, "gradio_client": 10_000, "h11": 10_000}, 3),
    "growing": ({"gradproto": 3_000}, 3),
    "jobs": ({"gradproto": 1_000, "gradio_client": 100}, 3),
    "transfer": ({"gradproto": 1_024, "bare": 1_024}, 1),
}
OTHERS = ("core", "real", "servers")


class Server:
    """A server in a process of its own that prints ``READY URL``."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=HERE.parent.parent
        )
        assert self.process.stdout is not None
        line = next((line for line in self.process.stdout if line.startswith("READY")), None)
        if line is None:
            raise SystemExit(f"the server did not start: {command}")
        self.url = line.split()[1]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.process.terminate()
        self.process.wait()


def free_port() -> int:
    """Give a port for a real Gradio, which cannot look for one itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(peer: str, task: str, url: str, count: int) -> dict[str, Any]:
    """Let a worker measure once; figures are for one unit of the work."""
    done = subprocess.run(
        [sys.executable, str(HERE / "worker.py"), peer, task, url, str(count)],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{peer} failed at {task}:\n{done.stderr}")
    result = json.loads(done.stdout.splitlines()[-1])
    result["seconds"] /= count
    result["cpu"] /= count
    return result


def measure(task: str, url: str, plan: tuple[dict[str, int], int], name: str) -> None:
    """Let the peers of a task take turns, and print what came out."""
    peers, rounds = plan
    results: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
    for _ in range(rounds):
        for peer, count in peers.items():
            results[peer].append(run(peer, task, url, count))

    def median(peer: str, key: str) -> float:
        return statistics.median(result[key] for result in results[peer])

    print(f"\n{name}: median of {rounds} rounds")
    for peer, count in peers.items():
        seconds, cpu = median(peer, "seconds"), median(peer, "cpu")
        more = {key: value for key, value in results[peer][-1].items() if key not in ("seconds", "cpu")}
        ratio = ""
        if peer != "gradproto":
            ratio = f"gradproto / {peer}: time {median('gradproto', 'seconds') / seconds:.3f}"
            ratio += f", CPU {median('gradproto', 'cpu') / cpu:.3f}"
        print(f"  {peer:<14} x{count:<6} {seconds * 1e3:10.4f} ms {cpu * 1e3:10.4f} ms CPU  {ratio} {more or ''}")


def measure_servers(rounds: int = 5) -> None:
    """Let the fake server and a real Gradio take turns at the same calls of the same client, and print their rates."""
    counts = {"fake": 1000, "real": 100}
    seconds: dict[str, list[float]] = {name: [] for name in counts}
    with Server("-c", SERVER) as fake, Server("tests/real_app.py", "--port", str(free_port())) as real:
        urls = {"fake": fake.url, "real": real.url}
        for _ in range(rounds):
            for name, count in counts.items():
                seconds[name].append(run("bare", "throughput", urls[name], count)["seconds"])
    rates = {name: 1 / statistics.median(times) for name, times in seconds.items()}
    print(f"\nservers: /echo through the queue, 4 connections at once, median of {rounds} rounds")
    for name, rate in rates.items():
        print(f"  {name:<14} {rate:10.0f} calls a second")
    print(f"  fake / real: {rates['fake'] / rates['real']:.1f}")


def main() -> None:
    """Run the tasks that were asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("tasks", nargs="*", choices=[*PLANS, *OTHERS, []], help="default: all")
    tasks = parser.parse_args().tasks or [*PLANS, *OTHERS]
    with Server("-c", SERVER) as fake:
        for task in tasks:
            if task in PLANS:
                measure(task, fake.url, PLANS[task], task)
            elif task == "core":
                measure_core(fake.url)
    if "servers" in tasks:
        measure_servers()
    if "real" in tasks:
        with Server("tests/real_app.py", "--port", str(free_port())) as real:
            measure(
                "predict", real.url, ({"gradproto": 50, "gradio_client": 10, "h11": 50}, 5), "predict on real Gradio"
            )


if __name__ == "__main__":
    main()
