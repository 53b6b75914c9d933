"""The picture in a question: what it is in the catalogue, and its embedding where known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsearch.engine.request import PreparedPicture, QueryRequest
from mmsearch.engine.scopes import real_path
from mmsearch.engine.status import media_by_id
from mmsearch.errors import MediaError, QueryError, SpaceMismatchError
from mmsearch.types import Modality

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.types import Embeddings, Space


@dataclass(frozen=True, slots=True, eq=False)
class QueryPicture:
    """`own` are the contents that the picture is; `embedding` `(1, d)`, None = from `path`.

    `content_id` is the content of just its bytes, None where that is not catalogued. `prepared`
    is what it was made from, where that is a picture embedded before.
    """

    own: frozenset[int] = frozenset()
    embedding: Embeddings | None = None
    path: Path = Path()
    content_id: int | None = None
    prepared: PreparedPicture | None = None


def find_picture(request: QueryRequest, catalogue: Catalogue, space: Space) -> QueryPicture:
    """The picture that a question asks with, an empty one where it asks without.

    Raises:
        QueryError: There is no such picture, or it cannot be read.
        SpaceMismatchError: It was prepared with another model.
    """
    if request.like is not None:
        return _catalogued(request.like, catalogue, space)
    if isinstance(request.image, PreparedPicture):
        return _prepared(request.image, catalogue, space)
    if request.image is not None:
        return _file(request.image, catalogue, space)
    return QueryPicture()


def known_embedding(digest: str, catalogue: Catalogue, space: Space) -> Embeddings | None:
    """The embedding `(1, d)` of a picture with these bytes, None where it is not catalogued."""
    content_id = catalogue.find_content(digest)
    return None if content_id is None else _embedding(content_id, catalogue, space)


def _catalogued(media_id: int, catalogue: Catalogue, space: Space) -> QueryPicture:
    media = media_by_id(catalogue, media_id)
    embedding = _embedding(media.content_id, catalogue, space)
    if embedding is None:
        raise QueryError(
            f"{media.path} has no embedding of model '{space.name}' yet: index it with that model"
        )
    return QueryPicture(frozenset({media.content_id}), embedding, content_id=media.content_id)


def _prepared(picture: PreparedPicture, catalogue: Catalogue, space: Space) -> QueryPicture:
    if picture.space_digest != space.digest:
        raise SpaceMismatchError(
            "the picture was prepared with another model than the index is asked with: "
            "prepare it again"
        )
    content_id = catalogue.find_content(picture.digest)
    own = frozenset() if content_id is None else frozenset({content_id})
    embedding = picture.embedding[np.newaxis]
    return QueryPicture(own, embedding, content_id=content_id, prepared=picture)


def _file(path: Path, catalogue: Catalogue, space: Space) -> QueryPicture:
    """A file is what its bytes are in the catalogue, and what is catalogued at its path."""
    from mmsearch.media.digest import digest_file

    if not path.is_file():
        raise QueryError(f"there is no query picture at {path}: check the path")
    try:
        content_id = catalogue.find_content(digest_file(path))
    except MediaError as exc:
        raise QueryError(f"the query picture {path} cannot be used: {exc}") from exc
    at_path = catalogue.media_at(real_path(path))
    own = set() if at_path is None else {at_path.content_id}
    if content_id is None:
        return QueryPicture(frozenset(own), None, path)
    embedding = _embedding(content_id, catalogue, space)
    return QueryPicture(frozenset({content_id, *own}), embedding, path, content_id)


def _embedding(content_id: int, catalogue: Catalogue, space: Space) -> Embeddings | None:
    found = catalogue.embedding_of(space, Modality.IMAGE, content_id)
    return None if found is None else found[np.newaxis]
