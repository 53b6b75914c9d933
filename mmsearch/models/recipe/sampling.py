"""Draws training batches: pictures of both sets, a few captions of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .config import SamplingConfig
from .pictures import FLICKR, Picture

Indices = NDArray[np.int64]
_TRAINING_SPLITS = ("train", "restval")


@dataclass(frozen=True, slots=True)
class Captions:
    """All captions of the pictures, in one list."""

    texts: tuple[str, ...]
    owner: Indices  # (c,), picture of each caption
    key: Indices  # (c,), equal for captions that read the same in lower case
    members: tuple[Indices, ...]  # captions of each picture
    keys_of: Indices  # (n, longest), keys of each picture's captions, padded with -1


@dataclass(frozen=True, slots=True)
class Pools:
    """Picture numbers by use; `mix_weight` is how likely each of `mix` is drawn."""

    flickr: Indices
    mix: Indices
    mix_weight: NDArray[np.float64]
    flickr_val: Indices
    mix_val: Indices


@dataclass(frozen=True, slots=True)
class Batch:
    """b pictures and m captions of them."""

    pictures: Indices  # (b,)
    captions: Indices  # (m,)
    row: Indices  # (m,), which of the b pictures each caption describes


def gather_captions(pictures: Sequence[Picture]) -> Captions:
    """The captions of `pictures`, grouped both ways."""
    texts = tuple(text for picture in pictures for text in picture.captions)
    counts = [len(picture.captions) for picture in pictures]
    owner = np.repeat(np.arange(len(pictures)), counts)
    _, key = np.unique([text.lower() for text in texts], return_inverse=True)
    starts = np.cumsum([0, *counts])
    members = tuple(np.arange(starts[i], starts[i + 1]) for i in range(len(pictures)))
    keys_of = np.full((len(pictures), max(counts)), -1, np.int64)
    for i, own in enumerate(members):
        keys_of[i, : len(own)] = key[own]
    return Captions(texts, owner, key.astype(np.int64), members, keys_of)


def split_pools(pictures: Sequence[Picture], config: SamplingConfig) -> Pools:
    """Which pictures are for training and which are for validation."""
    flickr = np.asarray([picture.source == FLICKR for picture in pictures])
    training = np.asarray([picture.split in _TRAINING_SPLITS for picture in pictures])
    validation = np.asarray([picture.split == "val" for picture in pictures])
    mix = np.flatnonzero(~flickr & training)
    machine_made = np.asarray([pictures[int(i)].source == "landscape" for i in mix])
    weight = np.where(machine_made, config.landscape_weight, 1.0)
    return Pools(
        np.flatnonzero(flickr & training),
        mix,
        weight / weight.sum(),
        np.flatnonzero(flickr & validation),
        np.flatnonzero(~flickr & validation),
    )


def batches(
    captions: Captions, pools: Pools, config: SamplingConfig, rng: np.random.Generator
) -> Iterator[Batch]:
    """Batches without end: Flickr8k is gone through in passes, photos_mix is drawn by weight."""
    order, at = rng.permutation(pools.flickr), 0
    while True:
        if at + config.flickr > len(order):
            order, at = rng.permutation(pools.flickr), 0
        drawn = rng.choice(pools.mix, config.mix, replace=False, p=pools.mix_weight)
        pictures = np.concatenate([order[at : at + config.flickr], drawn])
        at += config.flickr
        chosen = [
            rng.choice(own, min(config.captions, len(own)), replace=False)
            for own in (captions.members[i] for i in pictures)
        ]
        row = np.repeat(np.arange(len(pictures)), [len(c) for c in chosen])
        yield Batch(pictures, np.concatenate(chosen), row)


def same_meaning(captions: Captions, pictures: Indices, texts: Indices) -> NDArray[np.bool_]:
    """Which text describes which picture: its own caption, or one that reads like one of them.

    Without the second rule two pictures of "a photo of a sea" would push each other away.

    Args:
        captions: All captions.
        pictures: (b,) picture numbers.
        texts: (m,) caption numbers.

    Returns:
        (b, m) bool.
    """
    alike = (captions.keys_of[pictures][:, :, None] == captions.key[texts]).any(1)
    return np.asarray(alike | (pictures[:, None] == captions.owner[texts]))
