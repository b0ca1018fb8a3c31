"""How the program runs and how it ends.

Whatever goes wrong becomes one line on stderr and an exit code; only the class `Program` knows how.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from collections.abc import Generator, Sequence
from types import FrameType
from typing import Any

import click

from gradproto import __version__

from ._connection import FAILED, USAGE, Failure
from ._console import accept_any_text, forget_concealed, say

__all__ = ["EPILOG", "CallCommand", "Interrupted", "Program", "Terminated"]

_INTERRUPTED, _TERMINATED = 130, 143  # 128 and the number of the signal, as shells count

EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no connection (out of reach, no Gradio app, the login was refused, "
    "or a Space that is not there or does not run), 130 interrupted (0 where that is the end of a server)."
)

# What may be missing where only the library is installed; `gradproto_transports.cli.main` says how to get it.
_LIBRARIES = frozenset({"click", "rich"})

_NEGATIVE_NUMBER = r"-\.?[0-9].*"


class Terminated(KeyboardInterrupt):
    """SIGTERM, to be treated as Ctrl-C is."""


class Interrupted(Exception):
    """The program was told to stop, and has cleaned up behind itself."""

    def __init__(self, message: str, stop: KeyboardInterrupt) -> None:
        super().__init__(message)
        self.code = _TERMINATED if isinstance(stop, Terminated) else _INTERRUPTED


class Program(click.Group):
    """The command line as a whole."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and end the process with the exit code."""
        accept_any_text()
        forget_concealed()
        with _sigterm_as_interrupt():
            code = self._run(args, prog_name or "gradproto", complete_var, extra)
            code = _flush(code)
        sys.exit(code)

    def _run(self, args: Sequence[str] | None, prog_name: str, complete_var: str | None, extra: dict[str, Any]) -> int:
        if complete_var is None and "_GRADPROTO_COMPLETE" in os.environ:
            from . import _completion as _completion  # knows a shell that Click does not
        events = "--json-events" in (sys.argv[1:] if args is None else args)
        try:
            ended = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx is not None else prog_name
            message = error.format_message()
            return _end(type(error).__name__, message, USAGE, events, said=f"error: {message} (see '{command} --help')")
        except Failure as error:
            return _end(error.kind, str(error), error.code, events)
        except Interrupted as stop:
            return _end("Interrupted", str(stop), stop.code, events, said=str(stop))
        except BrokenPipeError:
            return FAILED  # whoever read the output has had enough, and knows
        except OSError as error:
            message = f"cannot write {error.filename or 'the output'}: {error.strerror or error}"
            return _end(type(error).__name__, message, FAILED, events)
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _LIBRARIES:
                raise  # rich is loaded only where it is used
            # The text of a foreign exception may hold anything, secrets too.
            kind = type(error).__name__
            return _end(kind, f"{kind} inside gradproto {__version__}: please report it", FAILED, events)
        # Click gives the exit code of --help and the like as a result; commands give none.
        return ended if isinstance(ended, int) else 0

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. An interrupt ends here, before Click has its own way with it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise Interrupted("interrupted", stop) from None


def _end(kind: str, message: str, code: int, events: bool, *, said: str | None = None) -> int:
    """Say why the program ends, to a person and, where that is wanted, to a script; return the exit code."""
    if events:
        from ._reports import write_error

        with contextlib.suppress(OSError):  # what kept it from being written may be why it ends
            write_error(kind, message, code)
    say(said or f"error: {message}")
    return code


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Generator[None, None, None]:
    """Let SIGTERM do what Ctrl-C does, where this thread may say so."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _flush(code: int) -> int:
    """Write out what is left, and return the exit code; one that is not 0 says that something was reported already."""
    if sys.stdout is None:
        return code
    try:
        sys.stdout.flush()
    except OSError as error:
        if code == 0 and not isinstance(error, BrokenPipeError):
            say(f"error: cannot write the output: {error.strerror}")
        # The interpreter would try once more at its end, and complain.
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
        return code or FAILED
    return code


class CallCommand(click.Command):
    """A command whose arguments may be negative numbers, which look like options to everybody else."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.ignore_unknown_options = True
        self._refuse_unknown(ctx, args)
        return super().parse_args(ctx, args)

    def _refuse_unknown(self, ctx: click.Context, args: list[str]) -> None:
        takes_value = {
            name: isinstance(parameter, click.Option) and not parameter.is_flag
            for parameter in self.get_params(ctx)
            for name in parameter.opts
        }
        words = iter(args)
        for word in words:
            if word == "--":
                return
            if not word.startswith("-") or word == "-" or re.fullmatch(_NEGATIVE_NUMBER, word):
                continue
            name, equals, _ = word.partition("=")
            if name not in takes_value:
                raise click.NoSuchOption(name, possibilities=_near(name, takes_value), ctx=ctx)
            if takes_value[name] and not equals:
                next(words, None)


def _near(name: str, names: dict[str, bool]) -> list[str]:
    import difflib

    return difflib.get_close_matches(name, [known for known in names if known.startswith("--")])
