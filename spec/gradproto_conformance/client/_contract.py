"""What a client program is told, and what it is to do: the contract between the scenarios and any language."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from gradproto._record import record

__all__ = ["CONTRACT", "FEATURES", "Task", "file_input"]

CONTRACT = """\
The program is started once for each scenario. It connects to the app at {url}, calls the endpoint {api_name} with the
inputs {inputs}, a list of JSON, and ends. In the words of COMMAND these are replaced by their values; the same is in
the environment variables GRADPROTO_URL, GRADPROTO_API_NAME and GRADPROTO_INPUTS.

- It prints the outputs as one line of JSON: the value, or a list of the values where there are several. One line for
  each output of a generator is welcome; the last line is the result.
- It ends with 0 if the call succeeded, and with anything else if it failed, and then it says why on stderr or stdout.
- An input {"file": "/path/of/a/file"} stands for that file, which is to be uploaded.
- Where GRADPROTO_USER is set, it logs in with that and GRADPROTO_PASSWORD; where GRADPROTO_TOKEN is, it gives the
  client that token.
- SIGINT cancels the call, and ends the program. It comes when the first output was printed, or some time after it was
  sent.

What a program cannot do at all is left out by --without: files, login, token, cancel."""

FEATURES: tuple[str, ...] = ("files", "login", "token", "cancel")
"""What a client may be said to be without."""

_VARIABLES = ("URL", "API_NAME", "INPUTS", "USER", "PASSWORD", "TOKEN")


@record(frozen=True, slots=True, kw_only=True)
class Task:
    """The call that a program is to make."""

    api_name: str
    inputs: tuple[Any, ...] = ()
    login: tuple[str, str] | None = None
    token: str | None = None

    def command(self, command: Sequence[str], url: str) -> list[str]:
        """Give the words that start the program."""
        values = {"{url}": url, "{api_name}": self.api_name, "{inputs}": self._inputs()}
        return [_filled(word, values) for word in command]

    def environment(self, url: str) -> dict[str, str]:
        """Give the environment of the program: this process's, with what the task is, and without a proxy to it."""
        known = {f"GRADPROTO_{name}" for name in _VARIABLES}
        made = {name: value for name, value in os.environ.items() if name not in known}
        made.update(GRADPROTO_URL=url, GRADPROTO_API_NAME=self.api_name, GRADPROTO_INPUTS=self._inputs())
        for name in ("NO_PROXY", "no_proxy"):
            made[name] = ",".join(filter(None, [made.get(name), "127.0.0.1"]))
        if self.login is not None:
            made.update(GRADPROTO_USER=self.login[0], GRADPROTO_PASSWORD=self.login[1])
        if self.token is not None:
            made["GRADPROTO_TOKEN"] = self.token
        return made

    def _inputs(self) -> str:
        return json.dumps(list(self.inputs))


def file_input(path: str | os.PathLike[str]) -> dict[str, str]:
    """Give the input that stands for a file."""
    return {"file": os.fspath(path)}


def _filled(word: str, values: Mapping[str, str]) -> str:
    # One after the other would replace what stands in a value.
    for place, value in values.items():
        before, found, after = word.partition(place)
        if found:
            return _filled(before, values) + value + _filled(after, values)
    return word
