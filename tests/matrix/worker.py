"""Run cells of one version, and tell of each on standard output, as a line of JSON.

It is given one word of JSON: ``{"version": ..., "python": ..., "directory": ..., "cells": [[row, client], ...]}``.
It is a process of its own so that it can die of a test that hangs.
"""

from __future__ import annotations

import json
import os
import sys

import pytest

from .reporter import CELLS, Reporter

__all__ = ["main"]


def main() -> None:
    """Run what the command line asks for."""
    reporter = Reporter(json.loads(sys.argv[1]), os.dup(1))
    # Whatever else is printed is no report.
    os.dup2(2, 1)
    # Without its terminal pytest knows no options about it.
    options = ["-s", "-o", "addopts=", "-p", "no:terminal", "-p", "no:faulthandler", "-p", "no:cacheprovider"]
    try:
        code = pytest.main([*options, str(CELLS)], plugins=[reporter])
    finally:
        reporter.servers.close()
    sys.exit(code)


if __name__ == "__main__":
    main()
