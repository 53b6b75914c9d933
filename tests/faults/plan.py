"""Which faults are tried: at each file operation of each command, those that may befall it."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterable, Iterator, Sequence

from tests.faults.bench import Case
from tests.faults.replay import PowerLoss
from tests.faults.shim import ALL, CHANGING, Event, Fault, Kind, Mode

ERRORS = {
    Kind.OPEN: (errno.EIO, errno.EACCES, errno.ESTALE, errno.EMFILE),
    Kind.READ: (errno.EIO, errno.ESTALE),
    Kind.WRITE: (errno.ENOSPC, errno.EIO),
    Kind.SYNC: (errno.EIO,),
    Kind.RENAME: (errno.EIO, errno.ENOSPC),
    Kind.UNLINK: (errno.EIO, errno.EROFS),
    Kind.TRUNCATE: (errno.EIO, errno.ENOSPC),
    Kind.STAT: (errno.EIO, errno.ESTALE, errno.EACCES),
    Kind.MAP: (errno.EIO, errno.ENOMEM),
    Kind.FOLDER: (errno.ENOSPC, errno.EROFS),
    Kind.LIST: (errno.EIO, errno.ESTALE),
    Kind.LINK: (errno.EPERM, errno.EIO),
    Kind.LOCK: (errno.EIO, errno.ENOLCK),
    Kind.MODE: (errno.EROFS, errno.EPERM),
}
LASTING = ((ALL, errno.EIO), (ALL, errno.ESTALE), (CHANGING, errno.ENOSPC))
"""What may begin at any operation and stay: a disk that is gone, or full."""


def cases(scene: str, place: str, events: Sequence[Event]) -> Iterator[Case]:
    """All cases of a command in one of its places."""
    counted = [event for event in events if event.kind is not Kind.CREATE]
    for fault in _faults(counted):
        yield Case(scene, place, fault)


def sample(every: Iterable[Case], count: int, seed: int) -> list[Case]:
    """Some of the cases, of each way to fail about as many."""
    by_mode: dict[Mode, list[Case]] = {}
    for case in every:
        by_mode.setdefault(case.fault.mode, []).append(case)
    rng = random.Random(seed)
    share = -(-count // max(len(by_mode), 1))
    chosen = [rng.sample(group, min(share, len(group))) for group in by_mode.values()]
    return [case for group in chosen for case in group][:count]


def power_losses(scene: str, events: Sequence[Event], count: int, seed: int) -> Iterator[PowerLoss]:
    """Losses of power: one after each rename that is sure to stay, then at random.

    Each second one of these leaves some of what was not flushed.
    """
    rng = random.Random(seed)
    sure = list(_after_renames(events))[:count]
    for place in sure:
        yield PowerLoss(scene, place, seed, some=False)
    for number in range(count - len(sure)):
        yield PowerLoss(scene, rng.randint(1, len(events)), number, some=bool(number % 2))


def _after_renames(events: Sequence[Event]) -> Iterator[int]:
    """How many events there are up to the flush that follows a rename, for each."""
    waiting = False
    for number, event in enumerate(events, start=1):
        if waiting and event.kind is Kind.SYNC:
            yield number
        waiting = (waiting and event.kind is not Kind.SYNC) or event.kind is Kind.RENAME


def _faults(events: Sequence[Event]) -> Iterator[Fault]:
    n_changing = 0
    for number, event in enumerate(events, start=1):
        for error in ERRORS[event.kind]:
            yield Fault(ALL, number, Mode.ONCE, error)
        changes = bool(event.kind & CHANGING)
        n_changing += changes
        for kinds, error in LASTING:
            if kinds is ALL:
                yield Fault(kinds, number, Mode.ON, error)
            elif changes:
                yield Fault(kinds, n_changing, Mode.ON, error)
        if changes:
            yield Fault(ALL, number, Mode.KILL)
        if event.kind is Kind.WRITE:
            yield Fault(ALL, number, Mode.TORN)
        if event.kind is Kind.RENAME:
            yield Fault(ALL, number, Mode.LOST)
