"""What a change of model is asked, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MigrationOptions:
    """The model to go to; `partial`: also if some pictures cannot be embedded with it."""

    model: str
    partial: bool = False


@dataclass(frozen=True, slots=True)
class MissingPicture:
    """A catalogued picture that could not be embedded for the new model, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What a migration did; `is_default`: questions use `model` now.

    `n_images` and `n_captions` were embedded in this run: what an earlier one did is not counted.
    `previous` is the model that questions used before, None where they used `model` already.
    """

    model: str
    previous: str | None
    n_images: int
    n_captions: int
    missing: tuple[MissingPicture, ...]
    is_default: bool
    interrupted: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """Questions use `model` again, and no longer `replaced`.

    `n_missing` pictures came since: `model` does not find them before the next `index`.
    """

    model: str
    replaced: str
    n_missing: int


@dataclass(frozen=True, slots=True)
class DroppedSpace:
    """A model's share of an index that is no more, in embeddings."""

    model: str
    n_images: int
    n_captions: int
