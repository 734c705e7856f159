"""The program: the table of commands and the one error boundary."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from rescu_cli import __version__
from rescu_cli.cli.commands import (
    approx,
    bench,
    compare,
    derive,
    export,
    house,
    landscape,
    listing,
    net,
    pd,
    plot,
    report_page,
    search,
    seq,
    sweep,
    verify,
)
from rescu_cli.core.interrupt import kept
from rescu_cli.errors import ExitCode, RescuError

app = typer.Typer(
    name="rescu",
    help="Design activations from the shape of their gradient; prove, export and measure them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for module in (
    listing, derive, verify, export, plot, approx, compare, sweep, search, landscape, report_page,
    pd, bench, net, seq, house,
):  # fmt: skip
    module.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rescu {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    pass


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status; nothing escapes as a traceback.

    Args:
        argv: Arguments without the program's name; the process's own by default.
    """
    try:
        outcome = app(args=list(argv) if argv is not None else None, standalone_mode=False,
                      prog_name="rescu")  # fmt: skip
        return _ended(outcome if isinstance(outcome, int) else ExitCode.DONE)
    except typer.Exit as leaving:
        return _ended(leaving.exit_code, leaving)
    except RescuError as error:
        _say(str(error))
        return int(error.exit_code)
    except (KeyboardInterrupt, typer.Abort) as stop:
        return _ended(ExitCode.INTERRUPTED, stop)
    except BrokenPipeError:
        # The reader went away (head, less): not an error of ours. Keep the interpreter from
        # flushing into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except Exception as error:  # reason: the one error boundary
        # Typer's usage errors come from Click or from its own copy of it, by version.
        if hasattr(error, "format_message"):
            message = error.format_message()
            if message:  # none where the help was printed instead of arguments
                _say(message, _hint(error))
            return ExitCode.USAGE
        if os.environ.get("RESCU_DEBUG"):
            raise
        _say(
            f"A bug in rescu: {type(error).__name__}: {error}",
            "Please report it with the output of: RESCU_DEBUG=1 rescu …",
        )
        return ExitCode.BUG


def _ended(code: int, stop: BaseException | None = None) -> int:
    """The exit status; Typer turns Ctrl-C into one without a word."""
    if code == ExitCode.INTERRUPTED:
        _say(f"Interrupted. {'' if stop is None else kept(stop)}".rstrip())
    return int(code)


def _hint(error: Exception) -> str:
    command = getattr(getattr(error, "ctx", None), "command_path", "rescu")
    return f"See: {command} --help"


def _say(message: str, hint: str = "") -> None:
    from rescu_cli.cli.render import print_error  # reason: rich is loaded only to print

    print_error(message, hint)


def run() -> None:
    """Entry point of the ``rescu`` script."""
    sys.exit(main())


if __name__ == "__main__":
    run()
