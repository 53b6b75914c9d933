"""Shows the answers of `mmsearch query` in the form that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from mmsearch.cli.query import MAX_OPENED, QueryCommand

if TYPE_CHECKING:
    from mmsearch.cli.question import Question
    from mmsearch.cli.session import Session
    from mmsearch.config import Settings
    from mmsearch.engine.records import Answer, CaptionAnswer
    from mmsearch.types import Hit


def show_images(
    session: Session, asked: QueryCommand, question: Question, answer: Answer, settings: Settings
) -> None:
    """Write the pictures found, and what goes beside them."""
    _write_images(asked, answer, settings)
    _note(session, asked, answer)
    if asked.html is not None:
        from mmsearch.cli.contact_sheet import write_contact_sheet
        from mmsearch.cli.output import write_note
        from mmsearch.cli.wording import shown

        write_contact_sheet(asked.html, question, answer.hits, settings)
        if not session.quiet:
            write_note(f"wrote {shown(asked.html)}")
    if asked.open:
        _open_best(answer.hits)


def show_captions(session: Session, asked: QueryCommand, answer: CaptionAnswer) -> None:
    """Write the captions found."""
    if asked.json:
        from mmsearch.cli.json_shapes import caption_hit_json
        from mmsearch.cli.output import write_json

        for hit in answer.hits:
            write_json(caption_hit_json(hit, exact=answer.exact))
    else:
        from mmsearch.cli.hit_table import write_caption_hits

        write_caption_hits(answer.hits)
    _note(session, asked, answer)


def _write_images(asked: QueryCommand, answer: Answer, settings: Settings) -> None:
    """Write the pictures found to stdout."""
    from mmsearch.cli import output

    hits = answer.hits
    if asked.json:
        from mmsearch.cli.json_shapes import hit_json

        for hit in hits:
            output.write_json(hit_json(hit, exact=answer.exact))
    elif asked.filepath or asked.null:
        for hit in hits:
            output.write_path(hit.media.path, b"\0" if asked.null else b"\n")
    elif asked.preview and output.is_terminal():
        from mmsearch.cli.preview import write_previews

        write_previews(hits, settings)
    else:
        from mmsearch.cli.hit_table import write_hits

        write_hits(hits)


def _note(session: Session, asked: QueryCommand, answer: Answer | CaptionAnswer) -> None:
    """Say that nothing was found, and why that may be; or that nothing found looks right."""
    if session.quiet:
        return
    from mmsearch.cli.output import write_note

    if not answer.hits:
        write_note(f"nothing {' and '.join(_restrictions(asked)) or 'found'}")
        return
    for_people = not (asked.json or asked.filepath or asked.null)
    if answer.matches is False and for_people:
        write_note("nothing looks like that: these are the closest")
    if asked.budget_ms is not None and for_people:
        write_note(f"reranked {answer.reranked} hits within {asked.budget_ms:g} ms")


def _restrictions(asked: QueryCommand) -> list[str]:
    """What a hit has to be, each as the end of a sentence that begins with its subject."""
    days = [
        f"is from {day:%Y-%m-%d} or {side}"
        for day, side in ((asked.taken_from, "later"), (asked.taken_to, "before"))
        if day is not None
    ]
    return [
        *([] if asked.min_score is None else [f"scores {asked.min_score} or more"]),
        *([] if asked.under is None else [f"lies under {asked.under}"]),
        *days,
        *([f"is of format {' or '.join(asked.format)}"] if asked.format else []),
        *([] if asked.orientation is None else [f"is {asked.orientation}"]),
    ]


def _open_best(hits: Sequence[Hit]) -> None:
    """Open the best pictures in the system's viewer."""
    from mmsearch.cli.wording import shown
    from mmsearch.errors import MediaError

    for hit in hits[:MAX_OPENED]:
        if typer.launch(str(hit.media.path)) != 0:
            raise MediaError(f"no viewer opened {shown(hit.media.path)}: is one installed?")
