"""Everything that a training run can be told, checked before anything heavy starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from mmsearch.errors import ConfigError
from mmsearch.media.decode import DecodeLimits
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


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training run. Same config, same data, same machine: same weights.

    Attributes:
        data: Caption file in any format of `mmsearch.datasets`.
        images: Folder that the data's file names are relative to.
        out: Where the model directory, the log and the plot are written.
        model: A model's name or directory, or an open_clip config `.json` for a random start.
        cache_dir: Where downloaded models are kept.
        epochs: Passes over the training pictures.
        batch_size: Pictures a step, over all processes together.
        chunk: Pictures a forward pass (gradient caching); 0 = the whole batch at once,
            None = 32 on a CPU where the image tower is trained, the whole batch elsewhere.
        lr: Peak learning rate of the last group of each tower (its head).
        layer_decay: Factor on the rate for each group further from the head.
        weight_decay: AdamW's, for matrices only.
        warmup: Share of the run in which the rate rises linearly; a half cosine to 0 follows.
        lock_image: 0 = lock the image tower (LiT); n = lock all but the last n groups; -1 = train
            it all; None = as -1 on a GPU or from a random start, else as 2, since on a CPU the
            locked beginning, run once for each picture, makes an epoch several times faster.
        lock_text: The same for the text tower; None = as -1.
        views: Variations of each picture that are kept where the beginning of the image tower is
            locked; the first is the picture as it is.
        captions_per_image: Captions of each picture in a step, drawn anew in each epoch.
        dropout: Whether the towers' own dropout and stochastic depth are active.
        train_batch_norm: Whether batch statistics are learned, which forbids `chunk`; None = only
            from a random start, as small batches of new data spoil good statistics.
        augment: How much pictures are varied; only `strong` mirrors them.
        ema: Decay of an average of the weights that is validated and kept instead; None = off.
        train_split: Split to learn from; taken as a whole where the data names no splits.
        val_split: Split to validate on; None, or one the data lacks, holds out `val_fraction`.
        val_fraction: Share of the training pictures held out where there is no such split.
        val_limit: Validate on at most so many pictures.
        restval: Count Karpathy's `restval` as training data.
        max_minutes: Fit the schedule into this time where `epochs` would take longer. The end
            then depends on the machine's speed, so such a run cannot be reproduced bit by bit.
        amp: Mixed precision; `auto` uses it on GPUs, where it is faster.
        seed: Decides order, captions, augmentation, dropout, held-out pictures, random starts.
        resume: Go on with the unfinished run at `out`; else start over.
        checkpoint_steps: Save the state after so many steps, too; 0 = about every two minutes.
        picture_cache_mb: Keep decoded pictures, and what the locked beginning of the image tower
            makes of them, on disk while training, each if it fits in this.
    """

    data: Path
    images: Path
    out: Path
    model: str = "mini"
    cache_dir: Path = field(default_factory=lambda: Path(".mmsearch-cache"))
    epochs: int = 5
    batch_size: int = 128
    chunk: int | None = None
    lr: float = 5e-4
    layer_decay: float = 0.7
    weight_decay: float = 0.05
    warmup: float = 0.1
    lock_image: int | None = None
    lock_text: int | None = None
    views: int = 1
    captions_per_image: int = 1
    dropout: bool = True
    train_batch_norm: bool | None = None
    augment: Augmentation = "light"
    ema: float | None = None
    train_split: str = "train"
    val_split: str | None = "val"
    val_fraction: float = 0.05
    val_limit: int = 1000
    restval: bool = False
    max_minutes: float | None = None
    seed: int = 0
    resume: bool = True
    checkpoint_steps: int = 0
    picture_cache_mb: int = 8192
    device: Device = "auto"
    amp: Amp = "auto"
    decode_workers: int = 2
    limits: DecodeLimits = field(default_factory=DecodeLimits)

    def check(self) -> None:
        """Refuse settings that cannot work.

        Raises:
            ConfigError: Names the setting and what it may be.
        """
        check_least(self, _AT_LEAST)
        check_shares(self, ("warmup", "val_fraction", "ema"))
        if not 0 < self.layer_decay <= 1:
            raise ConfigError(f"training: layer_decay is {self.layer_decay}, must be in (0, 1]")
        check_above_zero(self, ("lr",))
        check_pictures(self.images)
        if self.train_batch_norm and self.chunk:
            raise ConfigError("training: batch statistics cannot be learned in chunks: drop one")
        if self.lock_image == 0 and self.lock_text == 0:
            raise ConfigError("training: both towers are locked, so there is nothing to learn")

    def fingerprint(self) -> str:
        """Hexadecimal digest of all that decides the resulting weights."""
        return fingerprint_of(asdict(self), _FREE)


_AT_LEAST: dict[str, float] = {
    "epochs": 1,
    "batch_size": 2,
    "chunk": 0,
    "weight_decay": 0,
    "lock_image": -1,
    "lock_text": -1,
    "views": 1,
    "captions_per_image": 1,
    "val_limit": 2,
    "seed": 0,
    "checkpoint_steps": 0,
    "picture_cache_mb": 0,
    "decode_workers": 1,
    "max_minutes": 0,
}

_FREE = frozenset(
    {"out", "cache_dir", "resume", "checkpoint_steps", "decode_workers", "limits", "max_minutes"}
    | {"picture_cache_mb", "images"}
)
"""Settings that another run may change and still go on from a checkpoint."""
