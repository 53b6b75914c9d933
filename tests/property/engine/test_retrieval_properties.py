"""Any questions, asked together: each gets the page that the plain definition gives."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.catalogue import Catalogue, CatalogueBatch
from mmsearch.engine.catalogues import Catalogues
from mmsearch.engine.corpora import Pictures
from mmsearch.engine.request import QueryRequest
from mmsearch.engine.retrieval import Ask, Found, Retriever, RetrieverParts
from mmsearch.errors import QueryError
from mmsearch.protocols import VectorIndex
from mmsearch.types import Filters, MediaRecord, Modality
from mmsearch.vectors import ReferenceIndex
from tests.catalogue_rows import DIM, embedding_of, make_space, new_file
from tests.fakes import FakeDualEncoder

SPACE = make_space(dim=DIM)
ROOT = Path("/photos")
CONTENTS = tuple(f"picture {number}" for number in range(14))


class Encoder(FakeDualEncoder):
    """Texts lie where the pictures of these names do."""

    def encode_texts(self, texts):
        return np.stack([embedding_of(text) for text in texts])


requests = st.builds(
    lambda text, k, offset, min_score: QueryRequest(
        text=text, k=k, offset=offset, min_score=min_score
    ),
    text=st.sampled_from([*CONTENTS[:4], "something else"]),
    k=st.integers(1, 20),
    offset=st.integers(0, 16),
    min_score=st.none() | st.sampled_from([-0.5, 0.0, 0.3]),
)
asks = st.builds(
    Ask,
    request=requests,
    filters=st.sampled_from(
        [
            Filters(),
            Filters(under=ROOT / "even"),
            Filters(under=ROOT / "none"),
            Filters(formats=("jpg",), taken_to=date(1990, 1, 1)),
        ]
    ),
    own=st.frozensets(st.integers(1, 14), max_size=2),
)


@contextmanager
def retriever(
    left: set[int], corpus: Pictures | None = None
) -> Iterator[tuple[Retriever[MediaRecord], Catalogue]]:
    """Pictures in two folders; the files of those in `left` are gone, their vectors not yet."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.sqlite3"
        with Catalogue.open(path, create=True) as catalogue:
            catalogue.add_space(SPACE)
            root = catalogue.add_root(ROOT)
            names = [f"{'odd' if n % 2 else 'even'}/{n}" for n in range(len(CONTENTS))]
            files = tuple(new_file(n, text) for n, text in zip(names, CONTENTS, strict=True))
            catalogue.apply(CatalogueBatch(root.root_id, files, space=SPACE))
            gone = [
                file.media_id
                for file in catalogue.known_files(root.root_id)
                if file.content_id in left
            ]
            catalogue.apply(CatalogueBatch(root.root_id, removals=tuple(gone)))
            catalogues = Catalogues(path, "none")

            def load(opened: Catalogue) -> VectorIndex:
                index = ReferenceIndex(DIM)
                index.catch_up(opened.source(SPACE, Modality.IMAGE))
                return index

            parts = RetrieverParts(
                catalogues=catalogues,
                space=SPACE,
                corpus=corpus or Pictures(),
                space_to_ask=lambda opened, prepared_in: SPACE,
                load_encoder=Encoder,
                load_index=load,
            )
            yield Retriever(parts), catalogue
            catalogues.close()


def plain(ask: Ask, catalogue: Catalogue) -> list[tuple[float, int]]:
    """Scores and contents of the page by definition: all rows, sorted, cut."""
    query = Encoder().encode_texts([ask.request.text])[0]
    ids = np.arange(1, len(CONTENTS) + 1)
    stored = catalogue.embeddings_of(SPACE, Modality.IMAGE, ids)
    scored = sorted(
        (-float(np.dot(row, query)), item) for item, row in zip(ids.tolist(), stored, strict=True)
    )
    rows = catalogue.media_for_contents(ids, ask.filters)
    least = -np.inf if ask.request.min_score is None else ask.request.min_score
    found = [
        (-score, item)
        for score, item in scored
        if item in rows and item not in ask.own and -score >= least
    ]
    return found[ask.request.offset : ask.request.offset + ask.request.k]


def shape(found: Found[MediaRecord]) -> list[tuple[float, int]]:
    return [(score, media.content_id) for score, media in found.page.hits]


@settings(max_examples=60, deadline=None)
@given(st.lists(asks, min_size=1, max_size=6), st.sets(st.integers(1, 14), max_size=9))
def test_questions_asked_together_get_what_each_would_alone(together, left):
    with retriever(left) as (searching, catalogue):
        answers = searching._answer(together)
        for ask, answer in zip(together, answers, strict=True):
            assert not isinstance(answer, Exception)
            expected = plain(ask, catalogue)
            assert [item for _, item in shape(answer)] == [item for _, item in expected]
            np.testing.assert_allclose(
                [score for score, _ in shape(answer)], [score for score, _ in expected], atol=1e-6
            )
            assert answer.generation == catalogue.generation
            alone = searching.find(ask)
            assert shape(alone) == shape(answer)
            assert alone.page.best.tolist() == answer.page.best.tolist()
            assert (alone.n_candidates, alone.generation) == (
                answer.n_candidates,
                answer.generation,
            )


def test_a_question_whose_parts_cancel_fails_alone():
    with retriever(set()) as (searching, _):
        good = Ask(QueryRequest.of("picture 1", {"k": 3}), Filters())
        bad = Ask(QueryRequest.of("picture 1", {"minus": ["picture 1"]}), Filters())
        first, failed, second = searching._answer([good, bad, good])
        assert isinstance(failed, QueryError)
        assert shape(first) == shape(second) == shape(searching.find(good))


class Watched(Pictures):
    """Pictures; before ids are read for the nth time, the nth of `steps` happens."""

    def __init__(self, *steps):
        self.steps = list(steps)

    def allowed(self, catalogue, filters):
        if self.steps:
            self.steps.pop(0)()
        return super().allowed(catalogue, filters)


def test_ids_that_pass_filters_are_of_the_state_they_are_kept_for():
    """A picture is removed while they are read, and another answer is from the state before."""
    first, second = Filters(formats=("jpeg",)), Filters(under=ROOT / "even")
    corpus = Watched(lambda: checked(second), lambda: remove(1))
    with retriever(set(), corpus) as (searching, catalogue):

        def checked(filters: Filters) -> None:
            with Catalogue.open(catalogue.path) as other:
                searching.check(filters, other)

        def remove(media_id: int) -> None:
            catalogue.apply(CatalogueBatch(1, removals=(media_id,)))

        request = QueryRequest.of("picture 0", {"k": 20})
        _, answer = searching._answer([Ask(request, first), Ask(request, second)])
        assert not corpus.steps
        assert (answer.n_candidates, len(answer.page.hits)) == (7, 7)
        assert searching.find(Ask(request, second)).n_candidates == 6
