"""Everything that the training of a cross encoder can be told."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from mmsearch.errors import ConfigError
from mmsearch.media.decode import DecodeLimits
from mmsearch.rerank.config import RerankerConfig
from mmsearch.training.settings import (
    Amp,
    Augmentation,
    Device,
    check_above_zero,
    check_least,
    check_pictures,
    check_shares,
    fingerprint_of,
)

MAX_PICTURE_BYTES = 4096
"""What the codes of one picture may take in the catalogue."""


@dataclass(frozen=True, slots=True)
class ObjectiveWeights:
    """Each objective's share of the loss; 0 leaves it out.

    Attributes:
        align: Contrast of late-interaction scores over all pairs of a batch.
        match: Choice of the right one among hard negatives by the match logit, both ways.
        binary: Whether a pair matches, by the match logit; on the pairs of `match`.
        twins: The caption rather than one with two of its words exchanged, by the match logit.
        words: Masked words, told from the rest of the text and the picture.
        regions: Masked regions, told from the rest of the picture and the text.
    """

    align: float = 1.0
    match: float = 1.0
    binary: float = 0.5
    twins: float = 0.3
    words: float = 0.1
    regions: float = 0.3


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a batch is made of, and how much of it is hidden.

    Attributes:
        micro_batches: Batches whose gradients make up one step.
        seeds: Pictures of a batch drawn at random.
        neighbours: Pictures drawn for each of these from the dual encoder's softmax.
        captions: Captions of each picture, at most.
        negatives: Hard negatives of each pair, in both ways.
        twins: Captions of a batch that are compared with a twin, at most.
        temperature: Of the dual encoder's softmax, where neighbours and negatives come from.
        region_dropout: Share of regions hidden from all objectives.
        word_dropout: Share of words hidden from all objectives.
        masked_words: Share of words to be told.
        masked_regions: Share of regions to be told.
        masked_pairs: Pairs of a batch in which something is to be told, at most.
    """

    micro_batches: int = 2
    seeds: int = 10
    neighbours: int = 5
    captions: int = 1
    negatives: int = 2
    twins: int = 32
    temperature: float = 0.05
    region_dropout: float = 0.15
    word_dropout: float = 0.1
    masked_words: float = 0.2
    masked_regions: float = 0.15
    masked_pairs: int = 48


@dataclass(frozen=True, slots=True)
class RerankerTrainConfig:
    """How a cross encoder learns. Same config, same examples, same machine: same weights.

    Attributes:
        network: Its sizes; vocabulary, language width and heads are those of what it starts
            from. It drops nothing (`dropout` 0): regions and words are dropped instead, by
            generators that several threads can have at once.
        objectives: Each objective's share of the loss.
        drawing: What a batch is made of.
        frozen_layers: Lower layers of the language encoder that stay as they are; so do the
            embeddings below them.
        dual_channels: Channels of a region's code that start as directions of the dual encoder's
            space; 0 = a random start.
        steps: Optimisation steps.
        validate_steps: Validate after so many steps.
        lr: Peak learning rate.
        language_lr: That of the language encoder.
        weight_decay: AdamW's, for matrices only.
        warmup: Share of the run in which the rate rises linearly; a half cosine to 0 follows.
        ema: Decay of the average of the weights that is validated and kept; None = off.
        clip: Largest norm of a step's gradient.
        depth: First hits that are reranked in validation.
        val_queries: Queries of each direction that a validation asks, at most.
        final_queries: Queries that the last one asks, of what was written to disk.
        val_batches: Batches over which validation losses are averaged.
        max_minutes: Fit the schedule into this time where `steps` would take longer. The end
            then depends on the machine's speed, so such a run cannot be reproduced bit by bit.
        seed: Decides all that is random.
        resume: Go on with the unfinished run; else start over.
        checkpoint_steps: Save the state after so many steps, too; 0 = about every two minutes.
        parallel: Run the micro-batches of a step on a thread each, on a CPU. The result is
            the same.
        amp: Mixed precision; `auto` uses it where the processor has it.
    """

    network: RerankerConfig = field(default_factory=lambda: RerankerConfig(dropout=0.0))
    objectives: ObjectiveWeights = field(default_factory=ObjectiveWeights)
    drawing: Drawing = field(default_factory=Drawing)
    frozen_layers: int = 3
    dual_channels: int = 80
    steps: int = 600
    validate_steps: int = 100
    lr: float = 1e-3
    language_lr: float = 1e-4
    weight_decay: float = 0.05
    warmup: float = 0.05
    ema: float | None = 0.97
    clip: float = 2.0
    depth: int = 50
    val_queries: int = 400
    final_queries: int = 1000
    val_batches: int = 4
    max_minutes: float | None = None
    seed: int = 0
    resume: bool = True
    checkpoint_steps: int = 0
    parallel: bool = True
    device: Device = "auto"
    amp: Amp = "auto"

    def check(self) -> None:
        """Refuse settings that cannot work.

        Raises:
            ConfigError: Names the setting and what it may be.
        """
        check_least(self, _AT_LEAST)
        check_least(self.drawing, _DRAWING_AT_LEAST)
        check_least(self.objectives, dict.fromkeys(asdict(self.objectives), 0))
        check_least(self.network, _NETWORK_AT_LEAST)
        shares = ("region_dropout", "word_dropout", "masked_words", "masked_regions")
        check_shares(self.drawing, shares)
        check_shares(self, ("warmup", "ema"))
        check_above_zero(self, ("lr", "language_lr", "clip"))
        check_above_zero(self.drawing, ("temperature",))
        self._check_network()

    def fingerprint(self) -> str:
        """Hexadecimal digest of all that decides the resulting weights."""
        return fingerprint_of(asdict(self), _FREE)

    def _check_network(self) -> None:
        network, weights = self.network, self.objectives
        if not any(asdict(weights).values()):
            raise ConfigError(
                "training: all objectives have weight 0, so there is nothing to learn"
            )
        if (weights.binary or weights.twins) and not weights.match:
            raise ConfigError(
                "training: objectives 'binary' and 'twins' need the pairs of 'match': weigh it, too"
            )
        if network.dropout:
            raise ConfigError(
                f"training: the network's dropout is {network.dropout}, must be 0 (regions and "
                "words are dropped instead)"
            )
        if network.width % network.heads:
            raise ConfigError(
                f"training: width {network.width} is no multiple of {network.heads} heads"
            )
        size = network.regions * network.channels
        if size > MAX_PICTURE_BYTES:
            raise ConfigError(
                f"training: {network.regions} regions of {network.channels} channels take {size} "
                f"bytes a picture, {MAX_PICTURE_BYTES} are allowed: use a coarser grid or fewer"
            )


@dataclass(frozen=True, slots=True)
class DualData:
    """Where the examples of a run come from: captioned pictures seen by a dual encoder.

    `views` and `augment` say how many times a picture is seen, and how varied: the first view is
    the picture as it is. `width` is how many numbers k' are kept of a cell. Other fields are
    those of `TrainConfig`.
    """

    data: Path
    images: Path
    model: str = "mini"
    cache_dir: Path = field(default_factory=lambda: Path(".mmsearch-cache"))
    views: int = 2
    augment: Augmentation = "light"
    width: int = 512
    train_split: str = "train"
    val_split: str | None = "val"
    val_fraction: float = 0.1
    val_limit: int = 1000
    restval: bool = False
    seed: int = 0
    picture_cache_mb: int = 8192
    decode_workers: int = 2
    limits: DecodeLimits = field(default_factory=DecodeLimits)

    def check(self) -> None:
        """Refuse settings that cannot work.

        Raises:
            ConfigError: Names the setting and what it may be.
        """
        check_least(self, _DATA_AT_LEAST)
        check_shares(self, ("val_fraction",))
        check_pictures(self.images)

    def fingerprint(self) -> str:
        """Hexadecimal digest of all that decides the examples."""
        return fingerprint_of(asdict(self), _FREE)


_AT_LEAST: dict[str, float] = {
    "frozen_layers": 0,
    "dual_channels": 0,
    "steps": 1,
    "validate_steps": 1,
    "weight_decay": 0,
    "depth": 1,
    "val_queries": 2,
    "final_queries": 2,
    "val_batches": 1,
    "max_minutes": 0,
    "seed": 0,
    "checkpoint_steps": 0,
}
_DRAWING_AT_LEAST: dict[str, float] = {
    "micro_batches": 1,
    "seeds": 2,
    "neighbours": 0,
    "captions": 1,
    "negatives": 1,
    "twins": 1,
    "masked_pairs": 1,
}
_NETWORK_AT_LEAST: dict[str, float] = {
    "max_tokens": 3,
    "language_layers": 1,
    "width": 1,
    "heads": 1,
    "region_layers": 0,
    "cross_layers": 1,
    "align_width": 1,
    "rows": 1,
    "columns": 1,
    "channels": 1,
}
_DATA_AT_LEAST: dict[str, float] = {
    "views": 1,
    "width": 1,
    "val_limit": 2,
    "seed": 0,
    "picture_cache_mb": 0,
    "decode_workers": 1,
}
_FREE = frozenset(
    {"resume", "checkpoint_steps", "parallel", "max_minutes", "final_queries"}
    | {"cache_dir", "images", "decode_workers", "limits", "picture_cache_mb"}
)
"""Settings that another run may change and still go on from a checkpoint."""
