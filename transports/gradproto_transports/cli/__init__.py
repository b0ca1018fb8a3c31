"""The command line: ``gradproto``, also ``python -m gradproto_transports.cli``.

This module runs without the libraries that the command line needs, so that it can say how to install them.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_LIBRARIES = frozenset({"click", "rich"})


def main() -> None:
    """Run the command line with the arguments of this process, and end the process with its exit code."""
    try:
        from ._app import program

        program.main(prog_name="gradproto")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _LIBRARIES:
            raise
        print('gradproto: error: the command line is not installed: pip install "gradproto[cli]"', file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:  # before the program is ready for it, or when it is over
        sys.exit(130)
