"""What can be searched: pictures, or captions; how the catalogue tells of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from mmsearch.types import CaptionRecord, MediaRecord, Modality

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.types import Filters, Ids

Row = TypeVar("Row")


class Corpus(Protocol[Row]):
    """One kind of items; `nothing` is what to say where there are none."""

    modality: ClassVar[Modality]
    nothing: ClassVar[str]

    def allowed(self, catalogue: Catalogue, filters: Filters) -> Ids:
        """Ids `(a,)`, ascending, of the items that pass the filters."""

    def rows(self, catalogue: Catalogue, ids: Ids, filters: Filters) -> dict[int, Row]:
        """What the catalogue has of some ids; those that are gone, or do not pass, are absent."""


class Pictures:
    """Distinct pictures; files of equal bytes are one."""

    modality: ClassVar[Modality] = Modality.IMAGE
    nothing: ClassVar[str] = "the index is empty: add pictures with 'mmsearch index PATH'"

    def allowed(self, catalogue: Catalogue, filters: Filters) -> Ids:
        """Ids `(a,)`, ascending, of the contents that have a file which passes the filters."""
        return catalogue.allowed_contents(filters)

    def rows(self, catalogue: Catalogue, ids: Ids, filters: Filters) -> dict[int, MediaRecord]:
        """One file of each content, which passes the filters."""
        return catalogue.media_for_contents(ids, filters)


class Captions:
    """Captions, of the files that pass the filters; free ones where there are no filters."""

    modality: ClassVar[Modality] = Modality.CAPTION
    nothing: ClassVar[str] = (
        "the index has no captions: add some with 'mmsearch index PATH --captions FILE'"
    )

    def allowed(self, catalogue: Catalogue, filters: Filters) -> Ids:
        """Ids `(a,)`, ascending, of the captions whose file passes the filters."""
        return catalogue.allowed_captions(filters)

    def rows(self, catalogue: Catalogue, ids: Ids, filters: Filters) -> dict[int, CaptionRecord]:
        """The captions of some ids, with their files."""
        del filters  # a caption has one file: the ids passed already
        return catalogue.captions_for(ids)
