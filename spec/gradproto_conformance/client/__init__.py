"""The other direction: any client program against scripted scenarios of the fake server.

What a program has to do is in `CONTRACT`: it makes the one call that it is told to make, and prints what came of it.
"""

from __future__ import annotations

from ._contract import CONTRACT as CONTRACT
from ._contract import FEATURES as FEATURES
from ._suite import GENERATIONS as GENERATIONS
from ._suite import ClientOptions as ClientOptions
from ._suite import client_checks as client_checks
from ._suite import run_client as run_client
from ._suite import run_client_async as run_client_async

__all__ = [
    "CONTRACT",
    "FEATURES",
    "GENERATIONS",
    "ClientOptions",
    "client_checks",
    "run_client",
    "run_client_async",
]
