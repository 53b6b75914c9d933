"""What does each objective add to a cross encoder, and does each loss fall on new pictures?

Short runs of the shipped reranker's recipe, each without one objective, on the same examples and
batches; beside them the start, which has learned nothing yet, and the dual encoder alone. "Logit
alone" orders the first 50 hits without their cosines: it shows what was learned most clearly.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.captioned import DATA
from benchmarks.record import Row, record
from mmsearch.evaluation.report import RetrievalMetrics
from mmsearch.models.recipe.reranker import CONFIG, held_out_examples
from mmsearch.training.reranker import ObjectiveWeights, train_reranker
from mmsearch.training.reranker.examples import Examples
from mmsearch.training.reranker.language import LanguageStart
from mmsearch.training.reranker.records import Lift, RerankRecord

_QUERIES = 400
ALL = ObjectiveWeights()
VARIANTS = {
    "all objectives": ALL,
    "no masked words": replace(ALL, words=0.0),
    "no masked regions": replace(ALL, regions=0.0),
    "no twins": replace(ALL, twins=0.0),
    "no matching": replace(ALL, match=0.0, binary=0.0, twins=0.0),
    "no alignment": replace(ALL, align=0.0),
}


def main() -> None:
    """Train each variant for a while and measure it on the validation pictures of Flickr8k."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 steps each")
    parser.add_argument("--data", type=Path, default=DATA, help="holds flickr8k/, photos_mix/")
    parser.add_argument("--work", type=Path, required=True, help="the recipe's caches (12 GB)")
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    if not (options.data / "flickr8k").is_dir():
        raise SystemExit(f"{options.data}: no flickr8k; give the folder with --data")
    examples, language = held_out_examples(options.data, options.work)
    compare(examples, language, 2 if options.quick else options.steps)


def compare(examples: Examples, language: LanguageStart, steps: int) -> None:
    """Train each variant for `steps` and record what its validation says."""
    examples = replace(examples, val=examples.val[:1])
    rows: list[Row] = []
    for name, objectives in VARIANTS.items():
        config = replace(
            CONFIG,
            objectives=objectives,
            steps=steps,
            validate_steps=steps,
            val_queries=_QUERIES,
            final_queries=2,
        )
        with tempfile.TemporaryDirectory() as out:
            records = train_reranker(examples, language, config, Path(out)).records
        if not rows:
            rows += _recalls("dual encoder", records[0].lift.dual)
            rows += _learned("start", records[0].lift)
        rows += _learned(name, records[-1].lift)
        rows += _losses(name, records)
    parameters = {"steps": steps, "queries": _QUERIES, "seed": CONFIG.seed}
    record("rerank_objectives", str(__doc__), parameters, rows)


def _learned(name: str, lift: Lift) -> list[Row]:
    return _recalls(name, lift.reranked) + _recalls(f"{name}, logit alone", lift.alone)


def _recalls(name: str, metrics: RetrievalMetrics) -> list[Row]:
    return [
        Row(f"{name}: text to image R@1", metrics.text_to_image.r_at(1), "%"),
        Row(f"{name}: image to text R@1", metrics.image_to_text.r_at(1), "%"),
    ]


def _losses(name: str, records: tuple[RerankRecord, ...]) -> list[Row]:
    """The validation losses after training, and what they were before."""
    first = dict(records[0].val_loss.named())
    return [
        Row(f"{name}: {objective} loss, was {first[objective]:.3f}", value, "nats")
        for objective, value in records[-1].val_loss.named()
    ]


if __name__ == "__main__":
    main()
