"""Who is learned from and who is validated on: pictures never shared between the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmsearch.datasets import CaptionData, CaptionedImage, split_items, split_names
from mmsearch.errors import DatasetError
from mmsearch.evaluation.report import SkippedPicture
from mmsearch.training.pictures import PictureStore

_HOLD_OUT = 4
"""Keeps this draw apart from those of `order.py`, which use 0 to 3."""


class Splitting(Protocol):
    """The settings that say who is learned from and who is validated on; see `TrainConfig`."""

    @property
    def data(self) -> Path:
        """Caption file."""

    @property
    def train_split(self) -> str:
        """Split to learn from."""

    @property
    def val_split(self) -> str | None:
        """Split to validate on."""

    @property
    def val_fraction(self) -> float:
        """Share held out where there is no such split."""

    @property
    def val_limit(self) -> int:
        """Validate on at most so many pictures."""

    @property
    def restval(self) -> bool:
        """Whether Karpathy's `restval` is training data."""

    @property
    def seed(self) -> int:
        """Decides which pictures are held out."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """All pictures of a run: the first `n_train` to learn from, the others to validate on."""

    items: tuple[CaptionedImage, ...]
    n_train: int

    def paths(self, folder: Path) -> tuple[Path, ...]:
        """Where the pictures lie."""
        return tuple(folder / (item.file or "") for item in self.items)


@dataclass(frozen=True, slots=True)
class PairSet:
    """Usable pictures: their rows in the store, captions and identity.

    `rows` `(n,)` int64; `groups` `(n,)` int64 is equal for byte-identical pictures; `text_ids`
    has one number a caption, equal for equal texts.
    """

    rows: NDArray[np.int64]
    captions: tuple[tuple[str, ...], ...]
    groups: NDArray[np.int64]
    text_ids: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The two sets of a run, and the pictures that could not be used."""

    train: PairSet
    val: PairSet
    skipped: tuple[SkippedPicture, ...]


def find_candidates(data: CaptionData, config: Splitting) -> Candidates:
    """The pictures that the splits of `data` give, before any was looked at.

    Raises:
        DatasetError: The data has no such training split.
    """
    known = split_names(data)
    split = config.train_split if known else "all"
    train = split_items(data, split, restval=config.restval)
    val: tuple[CaptionedImage, ...] = ()
    if config.val_split and config.val_split in known and config.val_split != config.train_split:
        val = split_items(data, config.val_split)[: config.val_limit]
    return Candidates(train + val, len(train))


def choose_pairs(candidates: Candidates, store: PictureStore, config: Splitting) -> Pairs:
    """The usable pairs; what is in the validation set, as a file or as equal bytes, is not learned.

    Raises:
        DatasetError: Fewer than two usable pictures to learn from, or to validate on.
    """
    usable = [row for row, digest in enumerate(store.digests) if digest]
    train = [row for row in usable if row < candidates.n_train]
    val = [row for row in usable if row >= candidates.n_train]
    if candidates.n_train == len(candidates.items):
        train, val = _hold_out(train, store.digests, config)
    held = {store.digests[row] for row in val}
    shared = [row for row in train if store.digests[row] in held]
    train = [row for row in train if store.digests[row] not in held]
    for name, rows in (("learn from", train), ("validate on", val)):
        if len(rows) < 2:
            raise DatasetError(
                f"{config.data}: {len(rows)} usable pictures to {name}, at least 2 are needed "
                f"({_first_reason(store)})"
            )
    skipped = [
        SkippedPicture(path, reason)
        for path, reason in zip(store.paths, store.reasons, strict=True)
        if reason
    ]
    leak = "the same picture is in the validation split"
    skipped += [SkippedPicture(store.paths[row], leak) for row in shared]
    numbers: dict[str, int] = {}
    return Pairs(
        _pair_set(train, candidates, store, numbers),
        _pair_set(val, candidates, store, numbers),
        tuple(skipped),
    )


def _hold_out(
    rows: Sequence[int], digests: Sequence[str], config: Splitting
) -> tuple[list[int], list[int]]:
    """`rows` parted into training and validation; identical pictures stay together."""
    groups = list(dict.fromkeys(digests[row] for row in rows))
    wanted = max(2, min(config.val_limit, round(len(groups) * config.val_fraction)))
    order = np.random.default_rng((config.seed, _HOLD_OUT)).permutation(len(groups))
    held = {groups[place] for place in order[:wanted]}
    return (
        [row for row in rows if digests[row] not in held],
        [row for row in rows if digests[row] in held],
    )


def _pair_set(
    rows: Sequence[int], candidates: Candidates, store: PictureStore, numbers: dict[str, int]
) -> PairSet:
    """The set of `rows`; `numbers` collects the texts' ids and is filled here."""
    first: dict[str, int] = {}
    groups = [first.setdefault(store.digests[row], row) for row in rows]
    captions = tuple(candidates.items[row].captions for row in rows)
    text_ids = tuple(
        tuple(numbers.setdefault(text.casefold(), len(numbers)) for text in texts)
        for texts in captions
    )
    return PairSet(np.array(rows, np.int64), captions, np.array(groups, np.int64), text_ids)


def _first_reason(store: PictureStore) -> str:
    for path, reason in zip(store.paths, store.reasons, strict=True):
        if reason:
            return f"{path}: {reason}"
    return "all pictures that there are can be read"
