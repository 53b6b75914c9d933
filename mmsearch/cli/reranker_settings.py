"""The configs that `mmsearch train-reranker` makes of its options."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mmsearch.training.reranker.config import DualData, RerankerTrainConfig

if TYPE_CHECKING:
    from mmsearch.cli.session import Session
    from mmsearch.cli.train_reranker import TrainRerankerCommand

_USUAL = RerankerTrainConfig()
_OF_NETWORK = ("width", "language_layers", "region_layers", "cross_layers", "channels")
_OF_OBJECTIVES = ("align", "match", "binary", "twins", "words", "regions")
_OF_RUN = (
    *("steps", "lr", "language_lr", "weight_decay", "frozen_layers", "validate_steps"),
    *("depth", "seed", "checkpoint_steps", "max_minutes", "resume"),
)
"""Options that the configs call the same."""


def dual_data(session: Session, asked: TrainRerankerCommand) -> DualData:
    """Where the examples come from, by the command and the settings.

    Raises:
        ConfigError: A setting is unknown or does not fit.
    """
    from mmsearch.config import DEFAULT_MODEL
    from mmsearch.media.decode_limits import limits_of

    settings = session.settings(model=asked.model, decode_workers=asked.workers)
    return DualData(
        data=asked.data,
        images=asked.images,
        model=settings.model or DEFAULT_MODEL,
        cache_dir=settings.cache,
        views=asked.views,
        augment=asked.augment.value,
        train_split=asked.train_split,
        val_split=asked.val_split,
        val_fraction=asked.val_fraction,
        val_limit=asked.val_limit,
        restval=asked.restval,
        seed=asked.seed,
        decode_workers=settings.decode_workers,
        limits=limits_of(settings),
    )


def reranker_config(session: Session, asked: TrainRerankerCommand) -> RerankerTrainConfig:
    """How to learn, by the command and the settings.

    Raises:
        ConfigError: A setting is unknown or does not fit.
    """
    network = replace(
        _USUAL.network,
        arrangement=asked.arrangement.value,
        rows=asked.grid,
        columns=asked.grid,
        **{name: getattr(asked, name) for name in _OF_NETWORK},
    )
    weights = {name: getattr(asked, name) for name in _OF_OBJECTIVES}
    counts = {"neighbours": asked.neighbours, "negatives": asked.negatives}
    return replace(
        _USUAL,
        network=network,
        objectives=replace(_USUAL.objectives, **weights),
        drawing=replace(_USUAL.drawing, seeds=asked.batch_pictures, **counts),
        amp="auto" if asked.amp else "off",
        device=session.settings().device,
        **{name: getattr(asked, name) for name in _OF_RUN},
    )
