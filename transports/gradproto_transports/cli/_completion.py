"""Completion in shells: the scripts that ask for it, and the endpoints of an app as what a word may become."""

from __future__ import annotations

import re
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from gradproto import GradprotoError

from ._connection import Failure, make_connection, option_names

__all__ = ["complete_words", "completion_script"]


_SECONDS = 2.0  # for all that an app is asked: somebody has pressed a key and waits

# Unlike Click's own, this takes the line as it was typed: bash cuts words at colons and equals signs, and so would take
# every URL apart. What it then replaces begins behind the last of these, too.
_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' type value response
    response=$(env COMP_WORDS="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=gradprotobash_complete "$1" 2>/dev/null)
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            nospace) compopt -o nospace; COMPREPLY+=("$value") ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done <<< "$response"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Bash(BashComplete):
    """Click's completion for bash, for words that hold colons."""

    name = "gradprotobash"
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is typed, and that one."""
        import os

        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        if not words or line[-1:].isspace():
            return words, ""
        return words[:-1], words[-1]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return what the script reads; of the value only what bash has not taken for words of their own."""
        _, incomplete = self.get_completion_args()
        value = str(item.value)
        cut = max(incomplete.rfind(":"), incomplete.rfind("=")) + 1
        kind = "nospace" if value.endswith("=") else item.type
        return f"{kind},{value[cut:] if value.startswith(incomplete[:cut]) else value}"


add_completion_class(_Bash)


def completion_script(program: click.Command, shell: str) -> str:
    """Return the script that a shell reads to know how ``gradproto`` is completed."""
    found: type[ShellComplete] | None = _Bash if shell == "bash" else get_completion_class(shell)
    assert found is not None, shell
    complete = found(program, {}, "gradproto", "_GRADPROTO_COMPLETE")
    # Not source(): that runs a bash, to see whether it is too old.
    return complete.source_template % complete.source_vars()


def complete_words(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Return the endpoints of the app that the words before name, or the parameters of the endpoint, if it is named."""
    words: tuple[str, ...] = context.params.get("words") or ()
    url: str | None = context.params.get("url")
    if url is None:
        return []
    names = _describe(context, url)
    if not words:
        slash = "" if incomplete.startswith("/") else "/"
        return [CompletionItem(name) for name in names if name.startswith(slash + incomplete)]
    parameters = names.get("/" + words[0].removeprefix("/"), [])
    given = {word.partition("=")[0] for word in words[1:] if "=" in word}
    return [CompletionItem(f"{name}=") for name in parameters if name.startswith(incomplete) and name not in given]


def _describe(context: click.Context, url: str) -> dict[str, list[str]]:
    """Return the names of the public endpoints with those of their parameters, none where it cannot be asked."""
    options: dict[str, Any] = {name: context.params.get(name) for name in option_names()}
    options |= {"header": tuple(options["header"] or ()), "timeout": min(options["timeout"] or _SECONDS, _SECONDS)}
    options["space_wait"] = 0.0  # nobody wants to wake a Space by a key
    for flag in ("insecure", "token_from_env", "no_token"):
        options[flag] = bool(options[flag])
    try:
        with make_connection(url, ask=_nobody, **options).open() as client:
            return {
                endpoint.api_name: [one.name for one in endpoint.parameters if _is_word(one.name)]
                for endpoint in client.endpoints.values()
                if endpoint.api_name is not None and endpoint.visibility == "public" and _is_word(endpoint.api_name)
            }
    except (Failure, GradprotoError, click.UsageError):
        return {}


def _is_word(name: str) -> bool:
    """Whether no shell takes the name, which is the app's, for more than a word, and gradproto not for an option."""
    return re.fullmatch(r"[\w./][\w./-]*", name) is not None


def _nobody(user: str) -> str:
    raise click.UsageError(f"nobody can be asked for the password of {user}")
