"""Any first hits: the order is that of the plain definition, and pages of it join."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.engine.paging import Page
from mmsearch.engine.region_reading import RegionParts, RegionReader
from mmsearch.engine.request import QueryRequest
from mmsearch.engine.rerank_stage import RerankStage
from mmsearch.engine.reranking import Reranker, RerankerParts, reordered
from mmsearch.engine.retrieval import Found
from mmsearch.errors import MediaError
from mmsearch.rerank_types import NO_QUESTIONS, Fusion, QueryBank, RegionCodes
from mmsearch.types import MediaMetadata, MediaRecord, Modality
from tests.fakes import FAKE_PROJECTION, FakeCrossEncoder, FakeRegionEncoder, FakeRerankers

SPACE = FakeRegionEncoder().space
SOURCE = FakeRerankers().for_space(SPACE)
assert SOURCE is not None


# The question is near the pictures whose number is a multiple of the dimension: hubs.
BANK = QueryBank(np.eye(SPACE.dim, dtype=np.float32)[:1], NO_QUESTIONS.images)
FUSION = Fusion(images=0.5, captions=0.25, image_hubness=0.5, temperature=1.0)


def hub_lover() -> FakeCrossEncoder:
    """A cross encoder that holds hubs back."""
    return FakeCrossEncoder(fusion=FUSION, bank=BANK)


def direction(content_id: int):
    """The embedding `(d,)` of a picture."""
    return np.eye(SPACE.dim, dtype=np.float32)[content_id % SPACE.dim]


@dataclass
class Shelf:
    """Stands for a catalogue: the codes of some pictures."""

    codes: dict[int, RegionCodes] = field(default_factory=dict)
    writable: bool = True

    def region_codes(self, space, projection, ids):
        found = [item for item in ids.tolist() if item in self.codes]
        codes = [self.codes[item] for item in found]
        shape = (len(found), projection.n_regions, projection.dim)
        return np.array(found, np.int64), np.array(codes, np.int8).reshape(shape)

    def embeddings_of(self, space, modality, ids):
        found = [direction(item) for item in ids.tolist()]
        return np.array(found, np.float32).reshape(len(found), SPACE.dim)

    def put_region_codes(self, space, projection, ids, codes):
        self.codes.update(zip(ids.tolist(), codes, strict=True))
        return len(ids)


def media(content_id: int) -> MediaRecord:
    about = MediaMetadata(16, 16, "PNG", datetime(2024, 1, 1))
    return MediaRecord(content_id, content_id, Path(f"/{content_id}.png"), 1, 1, "ab", about)


def no_file(picture: MediaRecord):
    raise MediaError("gone")


def make_reranker(encoder: FakeCrossEncoder) -> Reranker:
    regions = RegionParts(SPACE, FAKE_PROJECTION, FakeRegionEncoder, no_file)
    return Reranker(RerankerParts(SOURCE, lambda: encoder, RegionReader(regions)))


def naive(text, hits, shelf, depth, encoder):
    """The first `depth` hits scored one by one, sorted by (-score, dual rank); the rest after."""
    scored = []
    for dual_rank, (cosine, picture) in enumerate(hits[:depth], start=1):
        codes = shelf.codes[picture.content_id][np.newaxis]
        logit = encoder.score([text], codes, np.zeros((1, 2), np.int64))[0]
        hub = float(direction(picture.content_id)[0])  # its cosine with the only question
        score = float(logit) + 0.5 * (cosine - 0.5 * hub)
        scored.append((-round(score, 4), dual_rank, picture.content_id))
    first = [content_id for _, _, content_id in sorted(scored)]
    return first + [picture.content_id for _, picture in hits[depth:]]


def codes_of(level: int) -> RegionCodes:
    """One of few, so that scores tie."""
    return np.full((4, 3), 40 * level, np.int8)


galleries = st.lists(
    st.tuples(st.integers(-2, 2), st.sampled_from([0.5, 0.25])), min_size=1, max_size=30
)


def gallery(drawn):
    """Hits, best first, and the shelf that has their codes."""
    cosines = sorted((cosine for _, cosine in drawn), reverse=True)
    hits = [(cosine, media(at + 1)) for at, cosine in enumerate(cosines)]
    shelf = Shelf({at + 1: codes_of(level) for at, (level, _) in enumerate(drawn)})
    return hits, shelf


def found(hits, stage: RerankStage) -> Found[MediaRecord]:
    """What a retriever gives for a stage."""
    wanted = stage.reaching
    part = hits[wanted.offset : wanted.offset + wanted.k]
    return Found(Page(part, np.empty(0, np.int64)), np.ones((1, 2), np.float32), len(hits), 1)


def answer(hits, shelf, reranker, request: QueryRequest):
    """The page, reranked, and how many were scored."""
    stage = RerankStage.of(request, Modality.IMAGE, lambda: reranker)
    got = found(hits, stage)
    scores = stage.pictures(got, shelf)
    ids = [picture.content_id for _, picture in got.page.hits]
    return stage.page(got.page.hits, ids, scores), len(scores)


@settings(max_examples=100, deadline=None)
@given(galleries, st.integers(1, 35))
def test_the_order_is_that_of_scoring_one_by_one(drawn, depth):
    hits, shelf = gallery(drawn)
    encoder = hub_lover()
    request = QueryRequest.of("red", {"k": 100, "rerank": depth})
    page, n_scored = answer(hits, shelf, make_reranker(encoder), request)
    assert [one.row.content_id for one in page] == naive("red", hits, shelf, depth, encoder)
    assert n_scored == min(depth, len(hits))
    assert [one.rank for one in page] == list(range(1, len(hits) + 1))
    for one in page:
        if one.rerank_score is None:
            assert one.rank > depth
            assert one.dual_rank is None
        else:
            assert hits[one.dual_rank - 1][1] == one.row
    assert encoder.calls[0] == min(depth, len(hits))


@settings(max_examples=60, deadline=None)
@given(galleries, st.integers(1, 12), st.integers(1, 7), st.sampled_from([None, 2.0, 1e6]))
def test_pages_join_to_the_whole_answer(drawn, depth, k, budget_ms):
    """With any budget: what was scored is remembered for the pages that follow."""
    hits, shelf = gallery(drawn)
    reranker = make_reranker(FakeCrossEncoder(pause_s=0.0005))
    options = {"rerank": depth, "budget_ms": budget_ms}
    whole, _ = answer(hits, shelf, reranker, QueryRequest.of("red", {**options, "k": 100}))
    pages = []
    for offset in range(0, len(hits) + k, k):
        request = QueryRequest.of("red", {**options, "k": k, "offset": offset})
        pages += answer(hits, shelf, reranker, request)[0]
    assert pages == whole
    assert sorted(one.row.content_id for one in pages) == list(range(1, len(hits) + 1))


@settings(max_examples=30, deadline=None)
@given(galleries, st.integers(1, 12))
def test_a_budget_of_nothing_leaves_the_order(drawn, depth):
    hits, shelf = gallery(drawn)
    request = QueryRequest.of("red", {"rerank": depth, "budget_ms": 0, "k": 100})
    page, n_scored = answer(hits, shelf, make_reranker(hub_lover()), request)
    assert [one.row for one in page] == [picture for _, picture in hits]
    assert n_scored == 0
    assert all(one.rerank_score is None for one in page)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.none() | st.integers(-2, 2).map(float), min_size=1, max_size=20),
)
def test_what_has_no_score_keeps_its_place(scores):
    """The others move among theirs: best first, ties by the rank they had."""
    hits = [(0.0, at) for at in range(len(scores))]
    known = {at: score for at, score in enumerate(scores) if score is not None}
    ranked = reordered(hits, range(len(scores)), known)
    assert sorted(one.row for one in ranked) == list(range(len(scores)))
    for one in ranked:
        if one.row not in known:
            assert one.rank == one.row + 1
    moved = [one for one in ranked if one.rerank_score is not None]
    keys = [(-one.rerank_score, one.dual_rank) for one in moved]
    assert keys == sorted(keys)


def test_it_is_run_once_before_it_is_needed():
    """However many questions come; the first run of a real one takes longer than all after it."""
    encoder = FakeCrossEncoder()
    reranker = make_reranker(encoder)
    for _ in range(3):
        reranker.prepare("red")
    for thread in threading.enumerate():
        if thread.name.startswith("reranker"):
            thread.join()
    assert encoder.calls == [2]
