"""A reranker's card: what it is, what it was trained on, what it brings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mmsearch.evaluation.report import KS, Recalls
from mmsearch.training.journal import write_file
from mmsearch.training.reranker.config import RerankerTrainConfig
from mmsearch.training.reranker.examples import Examples
from mmsearch.training.reranker.records import Lift

CARD = "README.md"
_TEXT = """# A reranker

A cross encoder (`{arrangement}`) for the dual encoder `{dual}`. It reads a text together with
{rows} x {columns} regions of a picture, and reorders the dual encoder's first results. Trained by
`mmsearch train-reranker`.

Recall in percent at {ks} before and after the first {depth} are reranked, on pictures that it was
not trained on, {queries} queries a direction at most:

| | pictures | dual encoder | reranked |
|---|---|---|---|
{rows_of_lifts}

The score is `logit + {fusion.images:g} x (cosine - {fusion.image_hubness:g} x hubness)` for
pictures and `logit + {fusion.captions:g} x (cosine - {fusion.caption_hubness:g} x hubness)` for
captions; these numbers were chosen on the same pictures. Hubness is how near an item is to
whatever is asked, told by a bank of typical questions at temperature {fusion.temperature:g}.

- Trained on {n_train} pictures, seed {seed}, the weights of step {step}.
- Reads {taps}; {bytes} bytes a picture.
- Its weights are kept as int8 rows with a scale each; the figures are of those.
"""


def write_card(
    out: Path, lifts: Sequence[Lift], step: int, told: tuple[RerankerTrainConfig, Examples]
) -> None:
    """Write the card of the reranker in `out`, whose weights are those of `step`."""
    config, examples = told
    network = config.network
    sizes = [len(part.pictures) for part in examples.val]
    rows = [row for lift, n in zip(lifts, sizes, strict=True) for row in _rows(lift, n)]
    text = _TEXT.format(
        arrangement=network.arrangement,
        dual=examples.dual,
        rows=network.rows,
        columns=network.columns,
        ks=" / ".join(map(str, KS)),
        depth=config.depth,
        queries=config.final_queries,
        rows_of_lifts="\n".join(rows),
        fusion=lifts[0].fusion,
        n_train=sum(len(pool.pictures) for pool in examples.train),
        seed=config.seed,
        step=step,
        taps=", ".join(f"`{tap}`" for tap in examples.reduction.taps),
        bytes=network.regions * network.channels,
    )
    write_file(out / CARD, text)


def _rows(lift: Lift, n_pictures: int) -> Iterator[str]:
    """The table's two rows of one validation set."""
    dual, reranked = lift.dual, lift.reranked
    for name, before, after in (
        ("text to image", dual.text_to_image, reranked.text_to_image),
        ("image to text", dual.image_to_text, reranked.image_to_text),
    ):
        figures = f"{_recalls(before)} | **{_recalls(after)}**"
        yield f"| {lift.name}, {name} | {n_pictures:,} | {figures} |"


def _recalls(way: Recalls) -> str:
    return " / ".join(f"{way.r_at(k):.1f}" for k in KS)
