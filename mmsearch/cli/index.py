"""`mmsearch index`: make or update an index of folders of pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.engine.library import Library
    from mmsearch.engine.records import IndexOptions
    from mmsearch.types import HeldBack, IndexSummary

EXAMPLES = (
    Example("mmsearch index photos", "index a folder and all below it"),
    Example("mmsearch index", "bring everything indexed so far up to date"),
    Example("mmsearch index photos --exclude '*.gif' --exclude drafts", "leave some files out"),
    Example("mmsearch index photos --captions captions.csv", "attach captions, searchable too"),
    Example("mmsearch index photos --recheck", "trust no size and time: read all files again"),
    Example("mmsearch index photos --json --strict", "for scripts: counts; exit 1 on bad files"),
    Example("mmsearch index --decode-memory-mb 4096", "read bigger pictures, too"),
)


@dataclass(frozen=True, slots=True)
class IndexCommand:
    """What to index and how."""

    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            show_default=False,
            help="Folders or files; none: all folders indexed so far.",
        ),
    ] = field(default_factory=list)
    captions: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Captions to attach: Karpathy or COCO JSON, CSV, TSV, JSONL. Repeatable.",
        ),
    ] = field(default_factory=list)
    exclude: Annotated[
        list[str],
        typer.Option(
            metavar="GLOB",
            show_default=False,
            help="Leave out names or relative paths that match. Repeatable.",
        ),
    ] = field(default_factory=list)
    include_hidden: Annotated[
        bool, typer.Option("--include-hidden", help="Look into hidden folders and files too.")
    ] = False
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="Embed with this model, beside others; see 'mmsearch models'.",
            rich_help_panel="Speed and model",
        ),
    ] = None
    rerank_features: Annotated[
        bool | None,
        typer.Option(
            "--rerank-features/--no-rerank-features",
            show_default=False,
            help="Keep what a reranker reads of each picture, up to 4 KB; default: where the "
            "model has a reranker.",
            rich_help_panel="Speed and model",
        ),
    ] = None
    reranker: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="Keep what this reranker reads, instead of the model's own.",
            rich_help_panel="Speed and model",
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Pictures in one pass.", rich_help_panel="Speed and model"
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Processes that decode pictures.",
            rich_help_panel="Speed and model",
        ),
    ] = None
    recheck: Annotated[
        bool,
        typer.Option(
            "--recheck", help="Read all files again; embed those whose bytes differ after all."
        ),
    ] = False
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Remove what is gone without asking, be it most of a folder."),
    ] = False
    decode_memory_mb: Annotated[
        int | None,
        typer.Option(
            metavar="MB",
            help="Memory one picture may take; default: a share of this machine's.",
            rich_help_panel="Big pictures",
        ),
    ] = None
    max_megapixels: Annotated[
        float | None,
        typer.Option(
            metavar="MP",
            help="Pixels one picture may have, in millions; default: as its memory allows.",
            rich_help_panel="Big pictures",
        ),
    ] = None
    decode_timeout_s: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Seconds that decoding one picture may take; 60 if not given.",
            rich_help_panel="Big pictures",
        ),
    ] = None
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Read files that failed before again, though unchanged."
        ),
    ] = False
    json: Annotated[
        bool, typer.Option("--json", help="Write the summary as one JSON object on stdout.")
    ] = False
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if any file failed.")] = False


@command_of(IndexCommand)
def command(session: Session, asked: IndexCommand) -> None:
    """Index folders of pictures, or bring an index up to date.

    Only new and changed files are read again, and those that were over a limit which is higher
    now. Ctrl-C keeps what was done; the next run goes on.
    A missing folder is marked offline, not forgotten: 'mmsearch remove' forgets. Where more than
    half of a folder's pictures are gone at once they are kept, unless you say --yes or are asked.
    """
    with session.library(
        model=asked.model,
        reranker=asked.reranker,
        batch_size=asked.batch_size,
        decode_workers=asked.workers,
        decode_memory_mb=asked.decode_memory_mb,
        max_megapixels=asked.max_megapixels,
        decode_timeout_s=asked.decode_timeout_s,
    ) as library:
        summary = _run(session, asked, library)
        if summary.held_back and not summary.interrupted:
            summary = _ask_and_remove(session, asked, library, summary)
    _tell(session, asked, summary)
    if summary.interrupted:
        raise typer.Exit(130)
    if asked.strict and summary.failed:
        raise typer.Exit(1)


def _run(session: Session, asked: IndexCommand, library: Library) -> IndexSummary:
    """The summary of the run, watched on the terminal."""
    from mmsearch.cli.progress import IndexingProgress, live_line

    paths: list[Path] = asked.paths
    if not paths and not asked.captions:
        paths = [root.path for root in library.status().roots]
    with live_line(quiet=session.quiet) as line:
        return library.index(paths, _options(asked), IndexingProgress(line))


def _options(asked: IndexCommand) -> IndexOptions:
    from mmsearch.engine.records import IndexOptions

    return IndexOptions(
        captions=tuple(asked.captions),
        exclude=tuple(asked.exclude),
        include_hidden=asked.include_hidden,
        rerank_features=asked.rerank_features,
        recheck=asked.recheck,
        allow_mass_removal=asked.yes,
        retry_failed=asked.retry_failed,
    )


def _ask_and_remove(
    session: Session, asked: IndexCommand, library: Library, summary: IndexSummary
) -> IndexSummary:
    """The summary, with what a person at the terminal wants removed after all.

    Asked when all else is done: who walked away finds the rest indexed, and nothing lost. The
    folders are looked at again: a drive may be back by the time of the answer.
    """
    from mmsearch.cli.progress import IndexingProgress, live_line

    agreed = [held.path for held in summary.held_back if _is_agreed(held)]
    if not agreed:
        return summary
    options = replace(_options(asked), captions=(), recheck=False, allow_mass_removal=True)
    with live_line(quiet=session.quiet) as line:
        again = library.index(agreed, options, IndexingProgress(line))
    return joined(summary, again, agreed)


def _is_agreed(held: HeldBack) -> bool:
    """Whether somebody is there and says yes."""
    from mmsearch.cli.wording import shown

    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    gone = f"{held.n_gone:,} of {held.n_known:,} pictures below {shown(held.path)} are gone"
    try:
        return typer.confirm(f"{gone}. Remove them from the index?", err=True)
    except typer.Abort:
        return False  # what was done is still to be told


def joined(first: IndexSummary, again: IndexSummary, paths: Sequence[Path]) -> IndexSummary:
    """A run and a second one over some of its `paths` as one: what was done, what is so now."""
    return replace(
        first,
        added=first.added + again.added,
        updated=first.updated + again.updated,
        moved=first.moved + again.moved,
        removed=first.removed + again.removed,
        seconds=first.seconds + again.seconds,
        offline_roots=first.offline_roots + again.offline_roots,
        interrupted=again.interrupted,
        held_back=(*(h for h in first.held_back if h.path not in paths), *again.held_back),
    )


def _tell(session: Session, asked: IndexCommand, summary: IndexSummary) -> None:
    """Write the summary: JSON on stdout, words on stderr."""
    from mmsearch.cli.json_shapes import summary_json
    from mmsearch.cli.output import write_json, write_note

    if asked.json:
        write_json(summary_json(summary))
    if summary.interrupted:
        write_note("mmsearch: interrupted: what was done is kept; run the same command to go on")
    if not session.quiet:
        write_note(summary_text(summary))
        if summary.failed:
            write_note("'mmsearch status --failed' lists what failed, and why")


def summary_text(summary: IndexSummary) -> str:
    """One line for people: what changed, how long it took."""
    from mmsearch.cli.wording import count_text, duration_text

    counts = {
        "added": summary.added,
        "updated": summary.updated,
        "moved": summary.moved,
        "removed": summary.removed,
        "unchanged": summary.unchanged,
        "failed": summary.failed,
    }
    parts = [f"{count:,} {name}" for name, count in counts.items() if count]
    if summary.captions_added:
        parts.append(f"{count_text(summary.captions_added, 'caption')} added")
    if summary.captions_unmatched:
        parts.append(f"{count_text(summary.captions_unmatched, 'caption')} without a picture here")
    text = f"{', '.join(parts) or 'no pictures found'} in {duration_text(summary.seconds)}"
    if summary.added + summary.updated:
        text += f" ({summary.images_per_second:.0f} pictures/s)"
    return text
