"""Which questions a reranker can answer better, and how many of their first hits it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmsearch.engine.request import DEFAULT_RERANKED
from mmsearch.errors import QueryError
from mmsearch.types import Modality

if TYPE_CHECKING:
    from mmsearch.engine.request import QueryRequest
    from mmsearch.rerank import RerankerSource


def may_rerank(request: QueryRequest, target: Modality) -> bool:
    """Whether it has to be known if there is a reranker."""
    if request.rerank is None:
        return _unfit(request, target) is None
    return request.rerank > 0


def rerank_depth(request: QueryRequest, target: Modality, source: RerankerSource | None) -> int:
    """How many first hits are read by the cross encoder, 0 = none.

    Where the question does not say, that is so many as usual for the questions it was trained
    for, provided that it was measured to help.

    Raises:
        QueryError: Reranking is asked for and cannot be had for this question.
    """
    unfit = _unfit(request, target)
    if request.rerank is None:
        helps = source is not None and source.measured_lift > 0
        return DEFAULT_RERANKED if helps and unfit is None else 0
    if request.rerank == 0:
        return 0
    if unfit is not None:
        raise QueryError(f"{unfit} cannot be reranked: drop 'rerank', or ask with {_FIT[target]}")
    if source is None:
        raise QueryError(
            "this index's model has no reranker: name one with 'reranker', or drop 'rerank'"
        )
    return request.rerank


_FIT = {
    Modality.IMAGE: "one text alone",
    Modality.CAPTION: "one picture alone",
}
"""What a cross encoder can be asked with, by what is looked for: it reads words and a picture."""


def _unfit(request: QueryRequest, target: Modality) -> str | None:
    """What about the question no cross encoder can read, None where it can."""
    if request.plus or request.minus:
        return "a question with plus or minus terms"
    if request.text is not None and request.has_picture:
        return "a question of words and a picture"
    if target is Modality.IMAGE and request.has_picture:
        return "a search from a picture to pictures"
    if target is Modality.CAPTION and not request.has_picture:
        return "a search from words to captions"
    return None
