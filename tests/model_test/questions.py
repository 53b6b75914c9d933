"""Questions to the real library against plain NumPy over the model."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmsearch.engine.library import Library
from mmsearch.engine.request import QueryOptions, QueryRequest
from mmsearch.errors import MmsearchError
from tests.fakes import COLOURS
from tests.model_test.contents import Contents
from tests.model_test.disk import Disk
from tests.model_test.state import State

TOLERANCE = 1e-5
"""Two ways to add up a product of 16 numbers differ by less."""

Scored = list[tuple[int, float]]
"""Ids with scores, best first."""


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: ids with scores, and for pictures the file that stands for each."""

    scored: Scored
    places: dict[int, int]
    exact: bool


@dataclass(frozen=True, slots=True)
class Question:
    """Words, or a picture by its name on disk; for pictures or captions; `k` hits.

    `model` None is the default of the index.
    """

    text: str | None
    picture: str | None
    captions: bool
    k: int
    model: str | None = None

    @classmethod
    def drawn(cls, rng: random.Random, disk: Disk) -> Question:
        """A random one."""
        k, captions = rng.choice((1, 3, 10, 100)), rng.random() < 0.3
        if disk.files and rng.random() < 0.5:
            return cls(None, rng.choice(sorted(disk.files)), captions, k)
        return cls(
            f"{rng.choice(list(COLOURS))} {rng.choice(('', 'thing', 'sky'))}", None, captions, k
        )


@dataclass(slots=True)
class Asker:
    """Asks about a state of the index, in the space of its default model.

    Where the library says that an answer may lack something near, what it holds must be true all
    the same; and so must be all of the exact answer. `n_inexact` counts such answers.
    """

    state: State
    disk: Disk
    contents: Contents
    n_inexact: int = 0

    def wrong(self, library: Library, question: Question) -> Iterator[str]:
        """How the library's answer differs from plain arithmetic."""
        refusal, expected = self._expected(question)
        try:
            found = self._asked(library, question, exact=False)
        except MmsearchError as exc:
            if type(exc).__name__ != refusal:
                yield f"{question}: expected {refusal or 'an answer'}, found {exc!r}"
            return
        if refusal:
            yield f"{question}: expected {refusal}, found {len(found.scored)} hits"
            return
        yield from (f"{question}: {what}" for what in self._untrue(expected, found, question.k))
        if not found.exact:
            self.n_inexact += 1
            exact = self._asked(library, question, exact=True)
            if not exact.exact:
                yield f"{question}: asked for an exact answer, found one that is not"
            yield from (f"{question}, exact: {one}" for one in _order(expected, exact, question.k))

    def _untrue(self, expected: Scored, found: Found, k: int) -> Iterator[str]:
        """What is wrong with an answer, of which one that is not exact may lack something."""
        yield from _order(expected, found, k)
        yield from self._files(found.places)

    def _asked(self, library: Library, question: Question, *, exact: bool) -> Found:
        """The answer to a question."""
        image = None if question.picture is None else self.disk.path(question.picture)
        options: QueryOptions = {"image": image, "k": question.k, "exact": exact}
        request = QueryRequest.of(question.text, options)
        if question.captions:
            captions = library.answer_captions(request)
            scored = [(hit.caption.caption_id, hit.score) for hit in captions.hits]
            return Found(scored, {}, captions.exact)
        pictures = library.answer(request)
        places = {hit.media.content_id: hit.media.media_id for hit in pictures.hits}
        scored = [(hit.media.content_id, hit.score) for hit in pictures.hits]
        return Found(scored, places, pictures.exact)

    def _expected(self, question: Question) -> tuple[str, Scored]:
        """The class of the error that is due, or all ids with scores, best first."""
        state, model = self.state, question.model or self.state.default
        if not state.exists or state.default is None:
            return "CatalogueError", []
        if model is None or model not in state.spaces:
            return "SpaceMismatchError", []
        digest, own = None, set()
        if question.picture is not None:
            path = self.disk.path(question.picture)
            file = self.disk.visible().get(path)
            if file is None:
                return "QueryError", []
            digest, row = file.digest, state.rows.get(path)
            own = {digest, *(() if row is None else (row.digest,))}
            if digest not in state.contents and self.contents.seen(digest).reason:
                return "QueryError", []
        gallery = self._captions(model) if question.captions else self._pictures(model)
        if not gallery:
            return "CatalogueError", []
        query = self._query(question, digest, model)
        hidden = set() if question.captions else self._hidden(own)
        return "", [pair for pair in _scored(gallery, query) if pair[0] not in hidden]

    def _hidden(self, own: set[str]) -> set[int]:
        """Pictures that are no hits: the question's own, and what a stopped run left."""
        used = {row.digest for row in self.state.rows.values()}
        ids = self.state.content_ids.items()
        return {item for digest, item in ids if digest in own or digest not in used}

    def _pictures(self, model: str) -> dict[int, NDArray[np.float16]]:
        ids = self.state.content_ids
        return {
            ids[digest]: self.contents.image_row(model, digest)
            for digest, spaces in self.state.contents.items()
            if model in spaces
        }

    def _captions(self, model: str) -> dict[int, NDArray[np.float16]]:
        return {
            item: self.contents.text_row(model, text)
            for item, (text, spaces) in self.state.caption_ids.items()
            if model in spaces
        }

    def _query(self, question: Question, digest: str | None, model: str) -> NDArray[np.float32]:
        if digest is None:
            assert question.text is not None
            return self.contents.asked_text(model, question.text)
        if model in self.state.contents.get(digest, ()):
            return _unit(self.contents.image_row(model, digest))
        return self.contents.asked_picture(model, digest)

    def _files(self, places: Mapping[int, int]) -> Iterator[str]:
        """Of equal files, one that is on line stands for all, the oldest."""
        digests = {item: digest for digest, item in self.state.content_ids.items()}
        for content_id, media_id in places.items():
            rows = self.state.rows_of(digests[content_id])
            on_line = [row for path, row in rows if self.state.is_online(path)]
            best = (on_line or [row for _, row in rows])[0].media_id
            if best != media_id:
                yield f"picture {content_id} is shown by file {media_id}, not by {best}"


def _scored(gallery: Mapping[int, NDArray[np.float16]], query: NDArray[np.float32]) -> Scored:
    """All ids with their scores; the codes are those that a float16 index keeps."""
    ids = np.array(sorted(gallery))
    codes = np.stack([_unit(gallery[item]).astype(np.float16) for item in ids.tolist()])
    scores = codes.astype(np.float64) @ (query / np.linalg.norm(query)).astype(np.float64)
    order = np.lexsort((ids, -scores))
    return list(zip(ids[order].tolist(), scores[order].tolist(), strict=True))


def _unit(row: NDArray[np.float16]) -> NDArray[np.float32]:
    floats = row.astype(np.float32)
    return np.asarray(floats / np.linalg.norm(floats))


def _order(expected: Scored, answer: Found, k: int) -> Iterator[str]:
    """Wrong scores, a wrong order (falling score, then rising id), and what is missing."""
    score_of, found, n_due = dict(expected), answer.scored, min(k, len(expected))
    if len(found) > n_due or (answer.exact and len(found) < n_due) or (n_due and not found):
        yield f"{len(found)} hits where {n_due} are due"
    if len({item for item, _ in found}) != len(found):
        yield "an item is found twice"
    for item, score in found:
        if item not in score_of:
            yield f"item {item} is found, which is not there"
        elif abs(score_of[item] - score) > TOLERANCE:
            yield f"item {item} scores {score}, not {score_of[item]}"
    if found != sorted(found, key=lambda pair: (-pair[1], pair[0])):
        yield f"hits are not by falling score and rising id: {found[:8]}"
    if answer.exact:
        yield from _left_out(expected, found)


def _left_out(expected: Scored, found: Scored) -> Iterator[str]:
    held = {item for item, _ in found}
    lowest = min((score for _, score in found), default=2.0)
    better: Sequence[tuple[int, float]] = [
        pair for pair in expected if pair[0] not in held and pair[1] > lowest + TOLERANCE
    ]
    if better:
        yield f"better items are left out: {better[:5]}"
