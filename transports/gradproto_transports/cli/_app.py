"""The commands."""

from __future__ import annotations

import inspect
import json
import sys
from typing import TYPE_CHECKING

import click

from gradproto import Endpoint, __version__
from gradproto_transports.sync import Client

from ._arguments import read_arguments
from ._call import CallRunner
from ._conformance import conformance
from ._conformance_client import conformance_client
from ._connection import Connection, Failure, check_directory, connection_options, quiet_option
from ._console import speaks_unicode, write_line
from ._conversation import Conversation
from ._display import Display
from ._outputs import FileSaver, as_json, as_text
from ._program import EPILOG, CallCommand, Interrupted, Program
from ._reports import EVENTS_HELP, EventReport, OutputReport, Report
from ._serving import fake_server, record
from ._space import space

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from gradproto_transports._codegen_describe import Files, Style

__all__ = ["program"]


@click.group(cls=Program, invoke_without_command=True, epilog=EPILOG)
@click.version_option(__version__, prog_name="gradproto", message="%(prog)s %(version)s")
@click.pass_context
def program(context: click.Context) -> None:
    """Call Gradio apps, look at what they offer, and serve one to try things out on."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@program.command("view-api", epilog=EPILOG)
@connection_options
@click.option("--all", "all_endpoints", is_flag=True, help="Describe the endpoints without a name, too.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the description as JSON.")
@quiet_option
def view_api(connection: Connection, all_endpoints: bool, json_wanted: bool, quiet: bool) -> None:
    """Describe the endpoints of the app at URL."""
    with Display(quiet=quiet) as display, connection.open(display.space) as client:
        display.hide()
        if json_wanted:
            described = client.view_api(return_format="dict")
            write_line(json.dumps(described, indent=2, ensure_ascii=not speaks_unicode(sys.stdout)))
        else:
            write_line(client.view_api(all_endpoints or None, return_format="str").rstrip("\n"))


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    from ._completion import complete_words

    return complete_words(context, parameter, incomplete)


_PREDICT_HELP = f"""Call the endpoint /NAME of the app at URL, and print each output as it comes.

An ARG is JSON if it can be read as JSON, else text; what goes into a text field stays text. @PATH uploads a file,
@@TEXT is the text @TEXT, and NAME=ARG gives the parameter of that name. Ctrl-C cancels the job on the server.

At a terminal, stderr shows the place in the queue, the progress, uploads and downloads, and the app's messages.

{inspect.cleandoc(EVENTS_HELP)}
"""


@program.command(cls=CallCommand, epilog=EPILOG, help=_PREDICT_HELP)
@connection_options
@click.argument("words", metavar="/NAME [ARG]...", nargs=-1, type=click.UNPROCESSED, shell_complete=_complete)
@click.option("--fn-index", metavar="N", type=int, help="Call the function of this index; then there is no /NAME.")
@click.option("--json", "json_wanted", is_flag=True, help="Print each output as one line of JSON.")
@click.option("--json-events", "events_wanted", is_flag=True, help="Print all that happens as lines of JSON.")
@quiet_option
@click.option("--no-download", is_flag=True, help="Leave the files of outputs where they are, and print their URLs.")
@click.option(
    "--output-dir",
    metavar="DIR",
    type=click.Path(file_okay=False),
    callback=check_directory,
    help="Put the files of outputs there, and not into a new temporary directory.",
)
def predict(
    connection: Connection,
    words: tuple[str, ...],
    fn_index: int | None,
    json_wanted: bool,
    events_wanted: bool,
    quiet: bool,
    no_download: bool,
    output_dir: str | None,
) -> None:
    """Call an endpoint; what the help says is above."""
    if json_wanted and events_wanted:
        raise click.UsageError("give one of --json and --json-events")
    if no_download and output_dir is not None:
        raise click.UsageError("give one of --no-download and --output-dir")
    display = Display(quiet=quiet)
    saver = None if no_download else FileSaver(output_dir, display, connection)
    report: Report
    if events_wanted:
        report = EventReport(saver=saver, display=display)
    else:
        render = as_json if json_wanted else as_text
        report = OutputReport(render, keep_empty=json_wanted, saver=saver, display=display)
    try:
        _predict(connection, words, fn_index, report, display)
    finally:
        display.hide()


def _predict(
    connection: Connection, words: tuple[str, ...], fn_index: int | None, report: Report, display: Display
) -> None:
    display.show("connecting ...")
    with connection.open(report.space) as client:
        endpoint, words = _choose(client, words, fn_index)
        args, kwargs = read_arguments(endpoint, words)
        runner = CallRunner(client, deadline=connection.deadline, timeout=connection.timeout)
        try:
            for news in runner.run(endpoint.fn_index, args, kwargs):
                report.take(news)
        except KeyboardInterrupt as stop:
            became = runner.cancel()
            raise Interrupted(f"interrupted; {became}" if became else "interrupted", stop) from None
        except Exception:
            runner.cancel()  # if it is under way, its outputs have no place to go to
            raise


def _choose(client: Client, words: tuple[str, ...], fn_index: int | None) -> tuple[Endpoint, tuple[str, ...]]:
    """Return the endpoint that is meant, and the words that are left."""
    if fn_index is not None:
        return client.endpoints.resolve(fn_index=fn_index), words
    if not words:
        return client.endpoints.resolve(), words
    # The slash may be missing: some shells of Windows make a path of their own of a word that begins with one.
    return client.endpoints.resolve(api_name="/" + words[0].removeprefix("/")), words[1:]


@program.command(epilog=EPILOG)
@connection_options
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False), help="Write it there; -: to stdout.")
@click.option(
    "--check", is_flag=True, help="Write nothing; say what of FILE does not fit the app, and fail if anything."
)
@click.option(
    "--style",
    "styles",
    multiple=True,
    type=click.Choice(["sync", "asyncio", "trio"]),
    default=("sync", "asyncio"),
    show_default=True,
    help="Write a class for this client. May be repeated.",
)
@click.option("--no-download", is_flag=True, help="Let files in results be RemoteFile objects, and not local paths.")
@click.option("--optional-results", is_flag=True, help="Let results be None, too, where the app does not forbid it.")
@click.option("--force", is_flag=True, help="Replace FILE also if it was edited, or not made by this command.")
@quiet_option
@click.pass_context
def codegen(
    context: click.Context,
    connection: Connection,
    file: str | None,
    output: str | None,
    check: bool,
    styles: tuple[Style, ...],
    no_download: bool,
    optional_results: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Write a Python module with a typed method for each endpoint of the app at URL.

    With --check, compare such a module with the app instead: exit code 0 if it fits, and 1 if the app has drifted away
    from it, if it was edited, or if another version of gradproto made it. The module is not run.
    """
    from ._codegen import check_module, make_module, read_target

    target = read_target(context, file, output, check=check)
    with Display(quiet=quiet) as display:
        if check and target is not None:
            check_module(connection, target, display)
            return
        files: Files = "remote" if no_download else "paths"
        make_module(connection, target, display, styles=styles, files=files, optional=optional_results, force=force)


@program.command(cls=CallCommand, epilog=EPILOG)
@connection_options
@click.argument(
    "words", metavar="[/NAME] [PARAMETER=VALUE]...", nargs=-1, type=click.UNPROCESSED, shell_complete=_complete
)
@quiet_option
@click.option(
    "--output-dir",
    metavar="DIR",
    type=click.Path(file_okay=False),
    callback=check_directory,
    help="Put the files of answers there, and print their paths; else their URLs are printed.",
)
def chat(connection: Connection, words: tuple[str, ...], quiet: bool, output_dir: str | None) -> None:
    """Talk to the app at URL: to its endpoint /NAME, or to the one that is a chat.

    Each line is a message; one that ends with a backslash goes on in the next, and a pasted block is one message. What
    else the endpoint takes is given as PARAMETER=VALUE, as in predict. --timeout is that of each answer.

    /quit or Ctrl-D ends, /reset begins a new conversation, /file PATH attaches a file to the next message; a message
    that begins with a slash is written with two. Ctrl-C cancels the answer that is coming, and ends at the prompt.
    Where the input is no terminal, only the answers are printed.
    """
    display = Display(quiet=quiet)
    saver = None if output_dir is None else FileSaver(output_dir, display)
    display.show("connecting ...")
    try:
        with connection.open(display.space) as client:
            from ._chat import Chat, choose_chat  # only here: of no use to the others

            chosen, extras = choose_chat(client, words)
            sitting = Chat(connection, client, Conversation(chosen, extras), saver=saver, display=display)
            display.hide()
            sitting.run()
    finally:
        display.hide()


program.add_command(space)


program.add_command(fake_server)
program.add_command(record)
program.add_command(conformance)
program.add_command(conformance_client)


@program.command()
def demo() -> None:
    """Serve the demo app, use it in every way, and check what comes: a tour of a few seconds."""
    from gradproto_fake_server import demo_app

    from ._demo import run_demo

    failed = run_demo(demo_app())
    if failed:
        raise Failure(f"{failed} steps did not go as expected")


@program.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that lets a shell complete commands, options, and the endpoints of the app at URL.

    bash: gradproto completion bash > ~/.local/share/bash-completion/completions/gradproto

    zsh: gradproto completion zsh > a file _gradproto in a directory of fpath

    fish: gradproto completion fish > ~/.config/fish/completions/gradproto.fish
    """
    from ._completion import completion_script

    write_line(completion_script(program, shell).rstrip("\n"))
