"""A page of the pictures found: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import contextlib
import html
import os
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from mmsearch.cli.pictures import thumbnail_bytes
from mmsearch.cli.wording import count_text, date_text, shown, size_text
from mmsearch.errors import MediaError

if TYPE_CHECKING:
    from mmsearch.cli.question import Question
    from mmsearch.config import Settings
    from mmsearch.types import Hit

THUMBNAIL_PX = 480
QUERY_PX = 240

NOTHING = '    <li class="none">Nothing found.</li>\n'
CARD = Template("""\
    <li>
      <a class="picture" href="$link">$picture</a>
      <p class="line"><b>$rank</b>$scores</p>
      <p class="path" title="$path"><b>$name</b>$folder</p>
      <p class="facts">$facts</p>
    </li>
""")


def write_contact_sheet(
    file: Path, question: Question, hits: Sequence[Hit], settings: Settings
) -> None:
    """Write the page, whole or not at all: beside its place first, then renamed.

    Raises:
        OSError: The folder is not there or not writable.
    """
    page = contact_sheet(question, hits, settings)
    handle, name = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
    beside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(page)
        beside.chmod(0o644)
        beside.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def contact_sheet(question: Question, hits: Sequence[Hit], settings: Settings) -> str:
    """The page's HTML; every text that comes from outside is escaped."""
    template = Template(files("mmsearch.cli").joinpath("contact_sheet.html").read_text("utf-8"))
    return template.substitute(
        title=html.escape(question.title),
        asked=_asked(question, settings),
        summary=count_text(len(hits), "picture"),
        cards="".join(_card(hit, settings) for hit in hits) or NOTHING,
    )


def _asked(question: Question, settings: Settings) -> str:
    """The question picture, where one was asked with."""
    if question.image is None:
        return ""
    name = shown(Path(question.image.name))
    return f'<span class="asked">{_picture(question.image, name, QUERY_PX, settings)}</span>'


def _card(hit: Hit, settings: Settings) -> str:
    """One picture with its rank, score and path, linked to the file."""
    media = hit.media
    about = media.metadata
    facts = [
        f"{about.width} \N{MULTIPLICATION SIGN} {about.height}",
        size_text(media.size_bytes),
        date_text(media),
    ]
    path = shown(media.path)
    name = shown(Path(media.path.name))
    return CARD.substitute(
        link=html.escape(media.path.as_uri()),
        picture=_picture(media.path, name, THUMBNAIL_PX, settings),
        rank=hit.rank,
        scores=_scores(hit),
        path=html.escape(path),
        folder=html.escape(path.removesuffix(name)),
        name=html.escape(name),
        facts=html.escape(" · ".join(facts)),
    )


def _scores(hit: Hit) -> str:
    """The cosine, and the rerank score before it where there is one."""
    cosine = f'<span class="score" title="cosine">{hit.score:.3f}</span>'
    if hit.rerank_score is None:
        return cosine
    title = f"rerank score; number {hit.dual_rank} by cosine"
    return f'<span class="score" title="{title}">{hit.rerank_score:.3f}</span> {cosine}'


def _picture(path: Path, name: str, max_px: int, settings: Settings) -> str:
    """The picture as a data URI, or the reason why it cannot be shown."""
    try:
        data = base64.b64encode(thumbnail_bytes(path, max_px, settings)).decode("ascii")
    except MediaError as exc:
        return f'<span class="missing">{html.escape(str(exc))}</span>'
    return f'<img src="data:image/jpeg;base64,{data}" alt="{html.escape(name)}" loading="lazy">'
