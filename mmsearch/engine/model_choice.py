"""Which model, and so which space, an index is built with or asked in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from mmsearch.errors import CatalogueError, SpaceMismatchError

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.protocols import DualEncoder, RegionEncoder
    from mmsearch.rerank_types import RegionProjection
    from mmsearch.types import Space

Encoder = TypeVar("Encoder", bound="DualEncoder")


class SpaceLeftError(Exception):
    """Another space is the one to ask by now. Not for users: the question is asked again there."""


class Models(Protocol):
    """Where models come from, by name."""

    def default_name(self) -> str:
        """The model that is taken when nobody names one."""

    def space(self, name: str) -> Space:
        """The space of a model, told without loading it."""

    def load(self, name: str) -> DualEncoder:
        """The encoder of a model."""

    def load_with_regions(self, name: str, projection: RegionProjection) -> RegionEncoder:
        """The same, giving the region features of a projection too."""


def space_to_index(
    catalogue: Catalogue | None, models: Models, asked: str | None, index: str
) -> Space:
    """The space to embed in: that of the model asked for, else the index's own.

    `catalogue` is None while there is no index yet.

    Raises:
        ModelError: There is no such model.
        SpaceMismatchError: None was asked for and the weights of the index's own have changed.
    """
    if asked is not None:
        return models.space(asked)
    default = None if catalogue is None else catalogue.default_space()
    if default is None:
        return models.space(models.default_name())
    return unchanged(models, default, index)


def space_to_query(
    catalogue: Catalogue, models: Models, asked: str | None, index: str, prepared: str | None = None
) -> Space:
    """The space to search in: that of the model asked for, else the index's default.

    `prepared` is the digest of the space that the question's picture was embedded in before, None
    without one: where that was the default before the present one, a question that names no model
    is asked there. So an upload outlives a change of the model.

    Raises:
        CatalogueError: The index holds no embeddings at all.
        ModelError: There is no such model.
        SpaceMismatchError: The index holds no embeddings of that model, or of other weights.
    """
    default = catalogue.default_space()
    if default is None:
        raise CatalogueError(f"index '{index}' is empty: add pictures with 'mmsearch index PATH'")
    if asked is None:
        if prepared is not None and prepared != default.digest:
            previous = catalogue.previous_space()
            if previous is not None and previous.digest == prepared:
                return unchanged(models, previous, index)
        return unchanged(models, default, index)
    space = models.space(asked)
    held = catalogue.known_spaces()
    if all(other.digest != space.digest for other in held):
        names = ", ".join(sorted({f"'{other.name}'" for other in held}))
        other_weights = any(other.name == space.name for other in held)
        what = f"other weights of '{space.name}'" if other_weights else f"{names}, not '{asked}'"
        raise SpaceMismatchError(
            f"index '{index}' holds embeddings of {what}: build these beside them with "
            f"'mmsearch index --model {asked} PATH'"
            + ("" if other_weights else ", or drop --model")
        )
    return space


def becomes_default(catalogue: Catalogue, space: Space) -> bool:
    """Whether `space` replaces the default: it has its name, and its weights are gone."""
    default = catalogue.default_space()
    return default is not None and default.name == space.name and default.digest != space.digest


def still_of(space: Space, encoder: Encoder) -> Encoder:
    """`encoder`, which was loaded by name, if it is of `space`.

    Raises:
        SpaceMismatchError: The weights of the model were replaced meanwhile.
    """
    if encoder.space.digest != space.digest:
        raise SpaceMismatchError(
            f"the weights of model '{space.name}' changed just now: run the command again"
        )
    return encoder


def unchanged(models: Models, space: Space, index: str) -> Space:
    """`space`, if its model still has the weights it had.

    Raises:
        ModelError: There is no such model any more.
        SpaceMismatchError: Its weights are others now.
    """
    if models.space(space.name).digest != space.digest:
        raise SpaceMismatchError(
            f"the weights of model '{space.name}' have changed since index '{index}' was built: "
            f"embed its pictures again with 'mmsearch index --model {space.name} PATH'"
        )
    return space
