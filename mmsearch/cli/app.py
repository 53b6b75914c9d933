"""The command line as a whole: the options before the command, and the way to a command."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from typer.core import TyperCommand, TyperGroup

from mmsearch.cli.commands import COMMANDS, CommandEntry
from mmsearch.cli.errors import report
from mmsearch.cli.help import HELP_CONTEXT, GroupedCommand, examples_text
from mmsearch.cli.session import Session

if TYPE_CHECKING:  # Typer gives this type no public name
    from typer._click import Command, Context, HelpFormatter

ABOUT = """Find pictures from words, words from pictures, and pictures from pictures.

Start with `mmsearch index PHOTOS`, then `mmsearch query "a dog on a beach"`; or see it work
first with `mmsearch demo`."""


class LazyGroup(TyperGroup):
    """The root command: help shows the table; a command's module loads when it is called."""

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """The command that `args` name, loaded, with the arguments that are left."""
        for entry in COMMANDS:
            if args and args[0] == entry.name:
                self.add_command(load_command(entry))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002
        """Write the table of commands, panel by panel."""
        for panel in dict.fromkeys(entry.panel for entry in COMMANDS):
            rows = [(entry.name, entry.summary) for entry in COMMANDS if entry.panel == panel]
            with formatter.section(panel):
                formatter.write_dl(rows)

    def invoke(self, ctx: Context) -> object:
        """The command's result; an error ends here as one line, or a traceback with --debug."""
        debug = bool(ctx.params.get("debug"))
        try:
            result: object = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()  # a reader that has gone is noticed here, not at exit
        except typer.Exit:
            raise
        except (Exception, KeyboardInterrupt) as exc:
            raise typer.Exit(report(exc, debug=debug)) from exc
        return result


def load_command(entry: CommandEntry) -> TyperCommand:
    """The command itself, built from its module."""
    module = importlib.import_module(entry.module)
    body: Callable[..., None] = module.command
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(
        entry.name,
        cls=GroupedCommand,
        short_help=entry.summary,
        epilog=examples_text(module.EXAMPLES),
        context_settings=HELP_CONTEXT,
        rich_help_panel=entry.panel,
    )(body)
    return cast("TyperCommand", typer.main.get_command(single))


def build() -> TyperGroup:
    """The root command, with every command of the table as a line of help."""
    app = typer.Typer(
        cls=LazyGroup,
        help=ABOUT,
        context_settings=HELP_CONTEXT,
        rich_markup_mode=None,
    )
    app.callback()(root)
    group = cast("TyperGroup", typer.main.get_command(app))
    for entry in COMMANDS:
        line = TyperCommand(entry.name, help=entry.summary, rich_help_panel=entry.panel)
        group.add_command(line)
    return group


def run(arguments: list[str], kept: list[object] | None = None) -> int:
    """The exit code of one run: 0 done, 1 error, 2 usage, 130 interrupted.

    Into `kept` goes what the caller may hold until the process ends, see `Session`.
    """
    try:
        code = build().main(
            arguments or ["--help"], prog_name="mmsearch", standalone_mode=False, obj=kept
        )
    except typer.TyperException as exc:
        return report(exc, debug=False)
    except SystemExit as exc:  # a shell asked for completions
        return exc.code if isinstance(exc.code, int) else 1
    return code if isinstance(code, int) else 0


def _show_version(wanted: bool) -> None:
    """Print the version and stop, when asked to."""
    if wanted:
        from mmsearch import __version__

        sys.stdout.write(f"mmsearch {__version__}\n")
        raise typer.Exit


def root(
    ctx: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where indexes are kept (also MMSEARCH_HOME)."),
    ] = None,
    index: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which index to use: 'default' if not given.")
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="No progress, no summary; results and errors only."),
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, show_default=False, help="Tell what is done; -vv more."
        ),
    ] = 0,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback has answered by now
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Keep what the options before the command say, and set up logging by it."""
    from mmsearch.cli.logs import configure_logging

    if quiet and verbose:
        raise typer.BadParameter("-q and -v contradict each other")
    kept: list[object] = [] if ctx.obj is None else ctx.obj
    ctx.obj = Session(home, index, quiet=quiet, verbosity=verbose, debug=debug, kept=kept)
    configure_logging(quiet=quiet, verbosity=verbose)
