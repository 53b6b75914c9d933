"""Damages inputs as a fuzzer would, without one: seeded, so that a failure comes again."""

from __future__ import annotations

import random
from collections.abc import Sequence


def mutated(data: bytes, words: Sequence[bytes], rng: random.Random) -> bytes:
    """`data` after one to four small changes."""
    for _ in range(rng.randint(1, 4)):
        data = _changed(data, words, rng)
    return data


def _changed(data: bytes, words: Sequence[bytes], rng: random.Random) -> bytes:
    start = rng.randint(0, len(data))
    end = min(len(data), start + rng.choice((1, 1, 2, 4, 16, 256)))
    kind = rng.randrange(7)
    if kind == 0:  # a bit
        flipped = (data[start] ^ (1 << rng.randrange(8))) if start < len(data) else 0
        return data[:start] + bytes([flipped]) + data[start + 1 :]
    if kind == 1:  # noise in the place of something
        return data[:start] + rng.randbytes(end - start) + data[end:]
    if kind == 2:  # a piece that is gone
        return data[:start] + data[end:]
    if kind == 3:  # a piece twice
        return data[:end] + data[start:end] + data[end:]
    if kind == 4:  # an end too early
        return data[:start]
    word = rng.choice(words)
    return data[:start] + word + data[start if kind == 5 else start + len(word) :]
