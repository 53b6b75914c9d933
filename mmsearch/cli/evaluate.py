"""`mmsearch evaluate`: recall@K of a model on a captioned split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.evaluation import EvaluationReport, SkippedPicture

EXAMPLES = (
    Example(
        "mmsearch evaluate captions.csv --images photos --split all",
        "a table of recalls, both ways",
    ),
    Example(
        "mmsearch evaluate captions.csv --images photos --split all --json --plot recall.png",
        "the numbers as JSON, the recall curve as a picture",
    ),
)


@dataclass(frozen=True, slots=True)
class EvaluateCommand:
    """What to measure, on what."""

    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Captions: Karpathy or COCO JSON, CSV, TSV, JSONL."),
    ]
    images: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder that the captions' file names start in.")
    ]
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Which split; 'all' takes every picture.")
    ] = "test"
    model: Annotated[str | None, typer.Option(metavar="NAME|DIR", help="The model to measure.")] = (
        None
    )
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N pictures.")
    ] = None
    batch_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Pictures in one pass.")
    ] = None
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes that decode pictures.")
    ] = None
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the recall curves into a PNG file.")
    ] = None


@command_of(EvaluateCommand)
def command(session: Session, asked: EvaluateCommand) -> None:
    """Measure how often the right picture is found by its caption, and the other way round.

    R@K: queries, in percent, with a right answer among the first K. An image query is right
    when any of its captions is. medR: median rank of the first right answer. MRR: mean of one
    over that rank, in percent. rsum: the sum of the six R@K.
    """
    from mmsearch.cli.output import write_line, write_note

    report = _measure(session, asked)
    for skipped in report.skipped:
        write_note(skipped_text(skipped))
    if asked.json:
        write_line(report.to_json())
    else:
        for line in report_lines(report):
            write_line(line)
    if asked.plot is not None:
        from mmsearch.evaluation import write_plot

        write_plot(report, asked.plot)


def _measure(session: Session, asked: EvaluateCommand) -> EvaluationReport:
    """The report, with a live line while pictures are embedded."""
    from mmsearch.cli.pictures import decode_limits
    from mmsearch.cli.progress import live_line
    from mmsearch.config import DEFAULT_MODEL
    from mmsearch.datasets import read_captions
    from mmsearch.encoders import EncoderOptions, load_dual_encoder
    from mmsearch.evaluation import EvaluationOptions, evaluate

    settings = session.settings(
        model=asked.model, batch_size=asked.batch_size, decode_workers=asked.workers
    )
    data = read_captions(asked.data)
    options = EvaluationOptions(
        images=asked.images,
        split=asked.split,
        decode_workers=settings.decode_workers,
        batch_size=settings.batch_size,
        limits=decode_limits(settings),
        limit=asked.limit,
    )
    runtime = EncoderOptions(
        cache_dir=settings.cache,
        device=settings.device,
        precision=settings.precision,
        batch_size=settings.batch_size,
    )
    with live_line(quiet=session.quiet) as line:
        encoder = load_dual_encoder(settings.model or DEFAULT_MODEL, runtime)
        return evaluate(data, encoder, options, partial(line.show, "embedding"))


def skipped_text(skipped: SkippedPicture) -> str:
    """One line on a picture that was left out."""
    from mmsearch.cli.wording import shown

    return f"mmsearch: warning: left out {shown(skipped.path)}: {skipped.reason}"


def report_lines(report: EvaluationReport) -> list[str]:
    """The report as a small table."""
    from mmsearch.cli.wording import count_text
    from mmsearch.evaluation.report import KS

    lines = [
        f"{report.dataset}, {report.split}: {count_text(report.n_images, 'picture')}, "
        f"{count_text(report.n_captions, 'caption')}; model {report.model}",
        f"{'':<14}{'R@1':>7}{'R@5':>7}{'R@10':>7}{'medR':>7}{'MRR':>7}",
    ]
    for name, recalls in (
        ("text → image", report.text_to_image),
        ("image → text", report.image_to_text),
    ):
        cells = [*(recalls.r_at(k) for k in KS), recalls.med_r, recalls.mrr]
        lines.append(f"{name:<14}" + "".join(f"{cell:>7.1f}" for cell in cells))
    return [*lines, f"rsum {report.rsum:.1f}"]
