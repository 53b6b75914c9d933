"""`mmsearch evaluate`: recall@K of a model on a captioned split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of, optional_integer
from mmsearch.cli.session import Session
from mmsearch.cli.training_options import CaptionFile, PictureFolder

if TYPE_CHECKING:
    from mmsearch.config import Settings
    from mmsearch.evaluation import EvaluationReport, Recalls, RerankReport, SkippedPicture
    from mmsearch.protocols import CrossEncoder, DualEncoder

EXAMPLES = (
    Example(
        "mmsearch evaluate captions.csv --images photos --split all",
        "a table of recalls, both ways",
    ),
    Example(
        "mmsearch evaluate captions.csv --images photos --split all --json --plot recall.png",
        "the numbers as JSON, the recall curve as a picture",
    ),
    Example(
        "mmsearch evaluate captions.csv --images photos --split all --rerank 10",
        "before and after reranking the first 10 hits",
    ),
)
RERANKED = 50
"""First hits that a bare --rerank reranks."""


@dataclass(frozen=True, slots=True)
class EvaluateCommand:
    """What to measure, on what."""

    data: CaptionFile
    images: PictureFolder
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
    rerank: Annotated[
        int | None,
        typer.Option(
            "--rerank",
            metavar=optional_integer(RERANKED),
            min=1,
            max=1000,
            show_default=False,
            help=f"Measure the reranker too, on the first N hits ({RERANKED} if not given).",
        ),
    ] = None
    reranker: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Another reranker than the one in the model's directory."),
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
    over that rank, in percent. rsum: the sum of the six R@K. With --rerank each line also tells
    what becomes of it when a cross encoder reorders the first N hits, and the ceiling: queries,
    in percent, with a right answer among these N.
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
    from mmsearch.cli.progress import live_line
    from mmsearch.datasets import read_captions
    from mmsearch.evaluation import EvaluationOptions, evaluate
    from mmsearch.media.decode_limits import limits_of

    settings = session.settings(
        model=asked.model,
        batch_size=asked.batch_size,
        decode_workers=asked.workers,
        reranker=asked.reranker,
    )
    data = read_captions(asked.data)
    options = EvaluationOptions(
        images=asked.images,
        split=asked.split,
        decode_workers=settings.decode_workers,
        batch_size=settings.batch_size,
        limits=limits_of(settings),
        limit=asked.limit,
    )
    with live_line(quiet=session.quiet) as line:
        encoder, reranker = _load(settings, with_reranker=bool(asked.rerank or asked.reranker))
        return evaluate(data, encoder, options, line.show, reranker, asked.rerank or RERANKED)


def _load(settings: Settings, *, with_reranker: bool) -> tuple[DualEncoder, CrossEncoder | None]:
    """The model to measure, and its reranker where that is to be measured too.

    Raises:
        QueryError: The model has no reranker.
    """
    from mmsearch.engine.encoder_models import EncoderModels
    from mmsearch.engine.reranker_models import RerankerModels
    from mmsearch.errors import QueryError

    models, rerankers = EncoderModels(settings), RerankerModels(settings)
    name = settings.model or models.default_name()
    if not with_reranker:
        return models.load(name), None
    source = rerankers.for_space(models.space(name))
    if source is None:
        raise QueryError(f"model '{name}' has no reranker: name one with --reranker DIR")
    return models.load_with_regions(name, source.projection), rerankers.load(source)


def skipped_text(skipped: SkippedPicture) -> str:
    """One line on a picture that was left out."""
    from mmsearch.cli.wording import shown

    return f"mmsearch: warning: left out {shown(skipped.path)}: {skipped.reason}"


def report_lines(report: EvaluationReport) -> list[str]:
    """The report as a small table, and one more of what reranking makes of it."""
    from mmsearch.cli.wording import count_text

    lines = [
        f"{report.dataset}, {report.split}: {count_text(report.n_images, 'picture')}, "
        f"{count_text(report.n_captions, 'caption')}; model {report.model}",
        f"{'':<14}{'R@1':>7}{'R@5':>7}{'R@10':>7}{'medR':>7}{'MRR':>7}",
    ]
    for name, recalls in (
        ("text → image", report.text_to_image),
        ("image → text", report.image_to_text),
    ):
        lines.append(f"{name:<14}" + "".join(f"{cell:>7.1f}" for cell in _cells(recalls)))
    reranked = [] if report.reranked is None else _reranked_lines(report, report.reranked)
    return [*lines, f"rsum {report.rsum:.1f}", *reranked]


def _cells(recalls: Recalls) -> list[float]:
    """The five numbers of a row."""
    from mmsearch.evaluation.report import KS

    return [*(recalls.r_at(k) for k in KS), recalls.med_r, recalls.mrr]


def _reranked_lines(report: EvaluationReport, reranked: RerankReport) -> list[str]:
    """Each number before → after, for every depth, beside the ceiling."""
    names = "".join(f"{name:>15}" for name in ("R@1", "R@5", "R@10", "medR", "MRR"))
    lines = [
        "",
        f"reranked, {reranked.ms_per_query:.1f} ms a query for the first {reranked.deepest.k}",
        f"{'':<14}{'first':>6}{names}{'ceiling':>9}",
    ]
    for depth in reranked.depths:
        after, ceiling = depth.metrics, depth.ceiling
        lines += [
            f"{'text → image':<14}{depth.k:>6}"
            f"{_moves(_cells(report.text_to_image), _cells(after.text_to_image))}"
            f"{ceiling.text_to_image:>9.1f}",
            f"{'image → text':<14}{depth.k:>6}"
            f"{_moves(_cells(report.image_to_text), _cells(after.image_to_text))}"
            f"{ceiling.image_to_text:>9.1f}",
            f"{'rsum':<14}{depth.k:>6}{_moves([report.rsum], [after.rsum])}",
        ]
    return lines


def _moves(before: Sequence[float], after: Sequence[float]) -> str:
    """Columns of numbers and what became of them."""
    return "".join(
        f"{f'{old:.1f} → {new:.1f}':>15}" for old, new in zip(before, after, strict=True)
    )
