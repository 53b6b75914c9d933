"""How many pictures go into one request: measured on the batches that come, then remembered.

Small layers want few pictures, which stay in the processor's cache; wide products want many.
Which weighs more depends on the tower and the processor, so the first batches of indexing runs
try each size in turn, at no extra work. The file beside the compilation keeps what was measured,
for runs too short to try all, and in the end the result.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mmsearch.runtime.whole_file import write_whole

PASS_SIZES = (4, 8, 16, 2)
"""What is tried, in this order; the first is taken until something is known."""

_TRIALS = 3
"""Batches a size that count."""
_WORTH = 0.97
"""A size replaces the first only where it takes less than this share of its time."""

logger = logging.getLogger(__name__)


class MeasuredPass:
    """The pictures in a request of one tower; thread-safe.

    Time is that of this process on all cores, not of the clock on the wall: decoders beside it
    and other programs do not count.
    """

    def __init__(
        self, file: Path | None, parallel: int, clock: Callable[[], float] = time.process_time
    ) -> None:
        """Take what `file` remembers, None = nothing is kept; `parallel` requests run at once."""
        self._file = file
        self._parallel = parallel
        self._clock = clock
        self._lock = threading.Lock()
        self._prepared: set[int] = set()
        self._chosen, self._seconds = _remembered(file)

    @property
    def chosen(self) -> int | None:
        """The size that was measured to be best; None while that is not known."""
        return self._chosen

    @contextmanager
    def batch(self, n: int) -> Iterator[int]:
        """The size of a request for a batch of `n` pictures, which is encoded inside."""
        size = self._next(n)
        started = self._clock()
        yield size
        if self._chosen is None and self._fills(n):
            self._note(size, (self._clock() - started) / n)

    def _fills(self, n: int) -> bool:
        """Whether a batch gives each request that runs at once a pass of the largest size."""
        return n >= max(PASS_SIZES) * self._parallel

    def _next(self, n: int) -> int:
        with self._lock:
            if self._chosen is None and self._fills(n):
                return min(PASS_SIZES, key=lambda size: len(self._seconds[size]))
            # No request is to wait while another has more than its share.
            return min(self._chosen or PASS_SIZES[0], max(1, -(-n // self._parallel)))

    def _note(self, size: int, seconds: float) -> None:
        """Learn what a picture took; choose once each size was tried often enough."""
        with self._lock:
            if size not in self._prepared:  # a new shape takes the tower long, once a process
                self._prepared.add(size)
                return
            self._seconds[size].append(seconds)
            if self._chosen is None and all(len(t) >= _TRIALS for t in self._seconds.values()):
                self._chosen = _best(self._seconds)
                logger.debug("pictures a pass: %d of %s", self._chosen, self._seconds)
            kept = _text(self._chosen, self._seconds)
        self._keep(kept)

    def _keep(self, text: str) -> None:
        """Remember what is known; where it cannot be written, the next process measures again."""
        if self._file is None:
            return
        try:
            write_whole(self._file, lambda beside: beside.write_text(text, "utf-8"))
        except OSError as exc:
            logger.debug("%s cannot be kept: %s", self._file, exc)


def _best(seconds: Mapping[int, Sequence[float]]) -> int:
    """The size of the least time, the first one unless another is clearly better."""
    taken = {size: float(np.median(times)) for size, times in seconds.items()}
    first, best = PASS_SIZES[0], min(taken, key=taken.__getitem__)
    return best if taken[best] < _WORTH * taken[first] else first


def _text(chosen: int | None, seconds: Mapping[int, Sequence[float]]) -> str:
    """What the file says: the choice, or what was measured so far."""
    known = {"pictures_a_pass": chosen}
    return json.dumps(known if chosen is not None else {**known, "seconds": seconds})


def _remembered(file: Path | None) -> tuple[int | None, dict[int, list[float]]]:
    """The size in `file`, None where there is none that makes sense, and what was measured."""
    seconds: dict[int, list[float]] = {size: [] for size in PASS_SIZES}
    if file is None:
        return None, seconds
    try:
        found = json.loads(file.read_text("utf-8"))
        chosen: object = found["pictures_a_pass"]
        if isinstance(chosen, int) and chosen in PASS_SIZES:
            return chosen, seconds
        measured = {size: found["seconds"].get(str(size), []) for size in PASS_SIZES}
        seconds = {size: [float(time) for time in times] for size, times in measured.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None, seconds
