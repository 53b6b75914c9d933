"""`mmsearch demo`: real photographs from scikit-image, indexed and searched."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session
from mmsearch.errors import ConfigError, MediaError

if TYPE_CHECKING:
    from mmsearch.engine.library import Library

EXAMPLES = (
    Example("mmsearch demo", "make ./mmsearch-demo, index it, ask three questions"),
    Example("mmsearch demo photos", "put the photographs into another folder"),
)

PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png",
    "coffee.png", "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png",
    "microaneurysms.png", "moon.png", "motorcycle_left.png", "motorcycle_right.png", "page.png",
    "retina.jpg", "rocket.jpg", "text.png",
)  # fmt: skip
"""What scikit-image's wheel carries of photographs, microscope and telescope pictures; its
drawings and test patterns are left out."""

QUESTIONS = ("a cat", "a cup of coffee on a table", "a motorcycle")
ANSWERS = 3


@dataclass(frozen=True, slots=True)
class DemoCommand:
    """Where to put the photographs."""

    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the photographs.")] = (
        Path("mmsearch-demo")
    )
    model: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="Use this model, not the default one.")
    ] = None


@command_of(DemoCommand)
def command(session: Session, asked: DemoCommand) -> None:
    """Make a folder of twenty real photographs, index it, and ask three questions.

    The photographs come with scikit-image (pip install 'mmsearch[demo]'). They get an index of
    their own, named 'demo', so that nothing of yours is touched.
    """
    from mmsearch.cli.output import write_note
    from mmsearch.cli.wording import count_text, shown

    if session.index is None:
        session = replace(session, index="demo")
    copied = copy_photographs(asked.folder)
    if not session.quiet:
        write_note(f"{count_text(copied, 'photograph')} in {shown(asked.folder)}")
    with session.library(model=asked.model) as library:
        _index(session, asked.folder, library)
        for question in QUESTIONS:
            _ask(session, question, asked.folder, library)
    if not session.quiet:
        write_note(f'Ask your own:  mmsearch --index {session.index} query "green grass"')


def copy_photographs(folder: Path) -> int:
    """How many photographs lie in `folder` now, copied byte for byte under their own names.

    Raises:
        ConfigError: scikit-image is not installed.
        MediaError: Its photographs are not where they should be.
    """
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("the demo's photographs come with scikit-image: pip install scikit-image")
    source = Path(next(iter(spec.submodule_search_locations))) / "data"
    present = [name for name in PHOTOGRAPHS if (source / name).is_file()]
    if not present:
        raise MediaError(f"{source} holds no photographs: reinstall scikit-image")
    folder.mkdir(parents=True, exist_ok=True)
    for name in present:
        if not (folder / name).exists():
            shutil.copyfile(source / name, folder / name)
    return len(present)


def _index(session: Session, folder: Path, library: Library) -> None:
    """Index the folder and say what was done."""
    from mmsearch.cli.index import summary_text
    from mmsearch.cli.output import write_note
    from mmsearch.cli.progress import IndexingProgress, live_line

    with live_line(quiet=session.quiet) as line:
        summary = library.index([folder], progress=IndexingProgress(line))
    if summary.interrupted:
        raise KeyboardInterrupt
    if not session.quiet:
        write_note(summary_text(summary))


def _ask(session: Session, question: str, folder: Path, library: Library) -> None:
    """Ask one question and show its best answers, as pictures on a terminal."""
    from mmsearch.cli import output
    from mmsearch.cli.hit_table import write_hits

    if not session.quiet:
        command = f'mmsearch --index {session.index} query "{question}" -k {ANSWERS} --preview'
        output.write_note(f"\n$ {command}")
    hits = library.query(question, k=ANSWERS, under=folder)
    if output.is_terminal():
        from mmsearch.cli.preview import write_previews

        write_previews(hits, library.settings)
    else:
        write_hits(hits)
