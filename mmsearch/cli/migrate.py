"""`mmsearch migrate`: change the model of an index while it is in use, and go back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.engine.library import Library
    from mmsearch.engine.upkeep.model_records import MigrationReport, RollbackReport

EXAMPLES = (
    Example("mmsearch migrate --to tuned", "embed all there is with another model, then use it"),
    Example("mmsearch migrate --rollback", "use the model from before again"),
    Example("mmsearch migrate --drop-old --yes", "take out the model that is no longer used"),
)


@dataclass(frozen=True, slots=True)
class MigrateCommand:
    """Where to go; one of the four ways."""

    to: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR", help="The model to change to; see 'mmsearch models'."),
    ] = None
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Use the model from before the last change again.")
    ] = False
    drop_old: Annotated[
        bool,
        typer.Option("--drop-old", help="Take out the model from before, or the only other one."),
    ] = False
    drop: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Take out this model, which is not the default."),
    ] = None
    partial: Annotated[
        bool,
        typer.Option("--partial", help="With --to: change though some pictures cannot be read."),
    ] = False
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Pictures in one pass.", rich_help_panel="Speed"),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Processes that decode pictures.", rich_help_panel="Speed"
        ),
    ] = None
    yes: Annotated[bool, typer.Option("--yes", help="Take out without asking.")] = False
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False


@command_of(MigrateCommand)
def command(session: Session, asked: MigrateCommand) -> None:
    """Change the model of an index while questions go on.

    All pictures and captions are embedded for the new model beside the present one; then questions
    change over in one step, in a running 'mmsearch serve' too. Ctrl-C keeps what was done; the
    next run goes on. Pictures that cannot be read are listed on stdout, and keep the present
    model in use unless --partial is given (exit 1). The old model stays until it is taken out.
    """
    ways = [asked.to is not None, asked.rollback, asked.drop_old, asked.drop is not None]
    if sum(ways) != 1:
        raise typer.BadParameter("say one of --to MODEL, --rollback, --drop-old, --drop NAME")
    if asked.partial and asked.to is None:
        raise typer.BadParameter("--partial goes with --to MODEL")
    with session.library(batch_size=asked.batch_size, decode_workers=asked.workers) as library:
        if asked.to is not None:
            _migrate(session, asked, library, asked.to)
        elif asked.rollback:
            _roll_back(session, asked, library)
        else:
            _drop(session, asked, library)


def _migrate(session: Session, asked: MigrateCommand, library: Library, model: str) -> None:
    """Go to a model; exit 130 when interrupted, 1 when pictures are missing."""
    from mmsearch.cli.json_shapes import migration_json
    from mmsearch.cli.output import write_json, write_line, write_note
    from mmsearch.cli.progress import IndexingProgress, live_line
    from mmsearch.cli.wording import shown
    from mmsearch.engine.upkeep.model_records import MigrationOptions

    options = MigrationOptions(model, partial=asked.partial)
    with live_line(quiet=session.quiet) as line:
        report = library.migrate(options, IndexingProgress(line))
    if asked.json:
        write_json(migration_json(report))
    else:
        for missing in report.missing:
            write_line(f"{shown(missing.path)}\t{' '.join(missing.reason.split())}")
    if not session.quiet:
        write_note(migration_text(report))
        _note_setting(library, report.model, wanted=report.is_default)
    if report.interrupted:
        raise typer.Exit(130)
    if not report.is_default:
        raise typer.Exit(1)


def _roll_back(session: Session, asked: MigrateCommand, library: Library) -> None:
    """Go back to the model from before."""
    from mmsearch.cli.json_shapes import rollback_json
    from mmsearch.cli.output import write_json, write_note

    report = library.rollback_model()
    if asked.json:
        write_json(rollback_json(report))
    if not session.quiet:
        write_note(rollback_text(report))
        _note_setting(library, report.model, wanted=True)


def _drop(session: Session, asked: MigrateCommand, library: Library) -> None:
    """Take a model out, once that was confirmed."""
    from mmsearch.cli.json_shapes import dropped_json
    from mmsearch.cli.output import write_json, write_note
    from mmsearch.cli.wording import count_text

    model = library.droppable_model(asked.drop)
    if not (asked.yes or _confirmed(f"Take model {model} out of index {library.settings.index}?")):
        raise typer.Exit(1)
    dropped = library.drop_space(model)
    if asked.json:
        write_json(dropped_json(dropped))
    if not session.quiet:
        pictures = count_text(dropped.n_images, "picture")
        captions = count_text(dropped.n_captions, "caption")
        write_note(f"took out model {dropped.model} ({pictures}, {captions}); files stay")


def migration_text(report: MigrationReport) -> str:
    """What a migration did, in one line."""
    from mmsearch.cli.wording import count_text, duration_text

    pictures = count_text(report.n_images, "picture")
    captions = count_text(report.n_captions, "caption")
    done = f"embedded {pictures} and {captions} in {duration_text(report.seconds)}"
    if report.interrupted:
        return (
            f"mmsearch: interrupted: {done}; questions use {report.previous} as before; "
            "run the same command to go on"
        )
    if report.previous is None:
        return f"questions use {report.model} already"
    missing = count_text(len(report.missing), "picture")
    if not report.is_default:
        return (
            f"{done}; {missing} could not be read: questions use {report.previous} as before; "
            "bring them back and run the same command, or go without them by --partial"
        )
    without = f", without {missing}" if report.missing else ""
    back = "'mmsearch migrate --rollback' goes back"
    return f"{done}; questions use {report.model} now{without}; {back}"


def rollback_text(report: RollbackReport) -> str:
    """What a rollback did, in one line."""
    from mmsearch.cli.wording import count_text

    text = f"questions use {report.model} again, no longer {report.replaced}"
    if not report.n_missing:
        return text
    missing = count_text(report.n_missing, "picture")
    return f"{text}; {missing} came since: 'mmsearch index' embeds them for {report.model}"


def _note_setting(library: Library, model: str, *, wanted: bool) -> None:
    """Say so where a setting keeps questions with another model than the index's default."""
    from mmsearch.cli.output import write_note

    set_model = library.settings.model
    if wanted and set_model is not None and set_model != model:
        write_note(f"mmsearch: warning: a setting names model {set_model}: questions still use it")


def _confirmed(question: str) -> bool:
    """Whether a person at the terminal agrees.

    Raises:
        typer.BadParameter: Nobody is there to be asked.
    """
    import sys

    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody is there to be asked: give --yes")
    return typer.confirm(question, err=True)
