"""`python -m mmsearch.models.recipe.reranker`: trains the shipped reranker of `mini` again."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from mmsearch.encoders.sources import SHIPPED, resolve_model
from mmsearch.rerank import RerankerConfig
from mmsearch.training.reranker import Drawing, RerankerTrainConfig, train_reranker
from mmsearch.training.reranker.examples import Examples
from mmsearch.training.reranker.language import LanguageStart, language_start
from mmsearch.training.reranker.records import RerankRecord, SilentReranker

from .config import Inputs, RecipeConfig
from .held_out import HeldOut
from .pipeline import load_towers, prepare
from .towers import default_image_weights, default_text_tower

logger = logging.getLogger(__name__)

CONFIG = RerankerTrainConfig(
    network=RerankerConfig(language_layers=6, align_width=256, dropout=0.0),
    drawing=Drawing(negatives=3),
    steps=620,
    validate_steps=100,
    ema=0.985,
)


class _Told(SilentReranker):
    """Logs what a run tells."""

    def on_message(self, text: str) -> None:
        logger.info("%s", text)

    def on_record(self, record: RerankRecord) -> None:
        logger.info("step %d: %s, lifts %s", record.step, record.loss, record.lifts)


def held_out_examples(data: Path, work: Path) -> tuple[Examples, LanguageStart]:
    """What the shipped reranker learns from, and where its language side starts.

    Args:
        data: Holds flickr8k/, photos_mix/ and captions/.
        work: Gets the caches (12 GB); what it holds is not computed again.
    """
    config = RecipeConfig()
    torch.set_num_threads(config.threads)
    inputs = Inputs(data, default_image_weights(), default_text_tower())
    towers = load_towers(inputs)
    prepared = prepare(inputs, towers, work, config)
    shipped = resolve_model(SHIPPED, work)
    language = language_start(shipped, shipped)
    held_out = HeldOut(prepared, towers, work / "held-out")
    return held_out.examples(shipped, language, CONFIG.network.max_tokens), language


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses `arguments`, or the process's own, and runs every stage that is not done."""
    parser = argparse.ArgumentParser(
        prog="python -m mmsearch.models.recipe.reranker", description=__doc__
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="holds flickr8k/, photos_mix/ and captions/")
    add("--out", type=Path, required=True, help="directory to write the reranker to")
    add("--work", type=Path, required=True, help="caches; the dual encoder's recipe shares them")
    add("--steps", type=int, default=CONFIG.steps)
    add("--max-minutes", type=float, help="fit the training into this time")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    examples, language = held_out_examples(options.data, options.work)
    config = replace(CONFIG, steps=options.steps, max_minutes=options.max_minutes)
    train_reranker(examples, language, config, options.out, _Told())
    return 0


if __name__ == "__main__":
    sys.exit(main())
