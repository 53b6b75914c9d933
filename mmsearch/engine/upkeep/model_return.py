"""Back to the model before, and taking the share of a model out of an index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.model_choice import unchanged
from mmsearch.engine.upkeep.model_records import DroppedSpace, RollbackReport
from mmsearch.engine.vector_files import drop_strange_vectors
from mmsearch.errors import CatalogueError, QueryError

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue, SpaceRecord
    from mmsearch.engine.model_choice import Models


def roll_back(catalogue: Catalogue, models: Models, index: str) -> RollbackReport:
    """Make the space that was the default before the default again, in one transaction.

    Raises:
        CatalogueError: There was none before, or it was dropped.
        ModelError, SpaceMismatchError: Its model is gone, or has other weights now.
    """
    previous, present = catalogue.previous_space(), catalogue.default_space()
    if previous is None or present is None:
        raise CatalogueError(
            f"index '{index}' keeps no model from before: there is nothing to roll back to"
        )
    unchanged(models, previous, index)
    catalogue.set_default_space(previous.key)
    [record] = [one for one in catalogue.spaces() if one.space == previous]
    n_missing = max(0, catalogue.counts().contents - record.n_images)
    return RollbackReport(previous.name, present.name, n_missing)


def space_to_drop(catalogue: Catalogue, name: str | None) -> SpaceRecord:
    """The space that is not the default and has this name; None: the only or the previous one.

    Raises:
        QueryError: There is none, or several and no name.
    """
    records = catalogue.spaces()
    others = [one for one in records if not one.is_default]
    if name is not None:
        others = [one for one in others if one.space.name == name]
    previous = catalogue.previous_space()
    chosen = [one for one in others if one.space == previous] or others
    if not chosen:
        wanted = "model but the default" if name is None else f"model '{name}' but the default"
        raise QueryError(f"the index holds no {wanted}: there is nothing to drop")
    if name is None and len(chosen) > 1:
        names = ", ".join(f"'{one.space.name}'" for one in chosen)
        raise QueryError(f"the index holds several other models ({names}): name one with --drop")
    return chosen[0]


def drop_space(catalogue: Catalogue, index_dir: Path, name: str | None) -> DroppedSpace:
    """What was dropped: a space that is not the default, with all that belongs to it.

    Raises:
        QueryError: As `space_to_drop`.
        CatalogueError: It became the default meanwhile, or nothing can be written.
    """
    record = space_to_drop(catalogue, name)
    catalogue.drop_space(record.space)
    drop_strange_vectors(index_dir, catalogue.known_spaces())
    return DroppedSpace(record.space.name, record.n_images, record.n_captions)
