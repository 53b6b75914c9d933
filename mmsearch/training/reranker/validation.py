"""What reranking brings: first hits of validation queries, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsearch.evaluation.first_hits import FirstHits, first_hits
from mmsearch.evaluation.metrics import retrieval_ranks, summarise_ranks
from mmsearch.evaluation.report import RetrievalMetrics
from mmsearch.rerank.batching import PairRun, PassSize, even_parts, pair_runs
from mmsearch.rerank.fusion import hubness
from mmsearch.rerank_types import Fusion
from mmsearch.training.reranker.device import Compute
from mmsearch.training.reranker.examples import CaptionIndex, Examples, ValidationSet
from mmsearch.training.reranker.fusion import TEMPERATURES, ScoredHits, ScoredSet, best_fusion
from mmsearch.training.reranker.model import RerankerModel
from mmsearch.training.reranker.records import Lift
from mmsearch.training.reranker.states import CaptionStates
from mmsearch.types import Embeddings

_PICTURES, _TEXTS, _PAIRS = 50, 64, 256
"""How much is read in one pass."""
_QUERIES = 7
"""Keeps this draw apart from the others of a run."""
_LOGIT_ALONE = Fusion(0.0, 0.0, 0.0, 0.0, TEMPERATURES[0])


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """One direction: queries `(q,)`, rows of what asks, their ranks and first hits.

    `right` `(q, n)` bool marks hits that are right; `hubs` has the hubness of the gallery `(g,)`
    at each temperature.
    """

    queries: NDArray[np.int64]
    dual_ranks: NDArray[np.int64]
    hits: FirstHits
    right: NDArray[np.bool_]
    hubs: Mapping[float, NDArray[np.float32]]

    @property
    def gallery_size(self) -> int:
        """How many items are searched."""
        return len(self.hubs[TEMPERATURES[0]])

    def scored(self, logits: NDArray[np.float32]) -> ScoredHits:
        """With the match logits `(q, n)` of the hits."""
        hubs = {heat: values[self.hits.items] for heat, values in self.hubs.items()}
        return ScoredHits(self.dual_ranks, self.right, self.hits.scores, logits, hubs)


class Validator:
    """A validation set with the dual encoder's answers, asked by at most `queries` a direction."""

    def __init__(
        self, examples: Examples, part: ValidationSet, depth: int, queries: int, seed: int
    ) -> None:
        self._examples = examples
        self._part = part
        self._captions = CaptionIndex(examples.owner, len(examples.group)).of_all(part.pictures)
        images, texts = examples.images[0][part.pictures], examples.texts[self._captions]
        row = np.full(len(examples.group), -1, np.int64)
        row[part.pictures] = np.arange(len(part.pictures))
        own = row[examples.owner[self._captions]]
        text_ranks, image_ranks = retrieval_ranks(images, texts, own)
        rng = np.random.default_rng((seed, _QUERIES))
        asking = _some(rng, len(texts), queries)
        hits = first_hits(texts[asking], images, depth)
        right = hits.items == own[asking, None]
        hubs = _hubs(images, examples.bank.texts)
        self._to_image = _Way(asking, text_ranks[asking], hits, right, hubs)
        asking = _some(rng, len(images), queries)
        hits = first_hits(images[asking], texts, depth)
        right = own[hits.items] == asking[:, None]
        hubs = _hubs(texts, examples.bank.images)
        self._to_text = _Way(asking, image_ranks[asking], hits, right, hubs)

    def score(self, model: RerankerModel, states: CaptionStates, compute: Compute) -> ScoredSet:
        """All first hits with their match logits."""
        model.eval()
        lengths = np.array([len(self._examples.tokens[c]) for c in self._captions], np.int64)
        reading = _Reading(model, self._examples, states, compute)
        read = (reading.texts(self._captions, lengths), reading.regions(self._part.pictures))
        to_image, to_text = (
            way.scored(reading.match(_pairs(way, text_asks=text_asks), lengths, *read))
            for way, text_asks in ((self._to_image, True), (self._to_text, False))
        )
        return ScoredSet(self._part.weight, to_image, to_text)

    def lift(self, scored: ScoredSet, fusion: Fusion) -> Lift:
        """What reranking by `fusion` brings."""
        sizes = (self._to_image.gallery_size, self._to_text.gallery_size)
        dual = (scored.to_image.dual_ranks, scored.to_text.dual_ranks)
        return Lift(
            self._part.name,
            self._part.weight,
            dual=_metrics(dual, sizes),
            reranked=_metrics(scored.ranks(fusion), sizes),
            alone=_metrics(scored.ranks(_LOGIT_ALONE), sizes),
            fusion=fusion,
        )


def measure(
    validators: Sequence[Validator], model: RerankerModel, states: CaptionStates, compute: Compute
) -> tuple[Lift, ...]:
    """The lift on each set, with the fusion that is best on all of them."""
    scored = [validator.score(model, states, compute) for validator in validators]
    fusion = best_fusion(scored)
    return tuple(v.lift(one, fusion) for v, one in zip(validators, scored, strict=True))


class _Reading:
    """Runs a model over many pictures, texts and pairs."""

    def __init__(
        self, model: RerankerModel, examples: Examples, states: CaptionStates, compute: Compute
    ) -> None:
        self._model = model
        self._examples = examples
        self._states = states
        self._compute = compute

    def regions(self, pictures: NDArray[np.int64]) -> Tensor:
        """Region states `(b, r, h)` of pictures, of codes as they would be stored."""

        def run(part: NDArray[np.int64]) -> Tensor:
            cells = np.asarray(self._examples.cells[0][part], np.float32)
            with torch.no_grad(), self._compute.precision():
                codes = self._model.projection(self._compute.move(torch.from_numpy(cells)))
                return self._model.network.read_regions(codes).float()

        return torch.cat(self._compute.each(run, even_parts(pictures, PassSize(_PICTURES))))

    def texts(self, captions: NDArray[np.int64], lengths: NDArray[np.int64]) -> Tensor:
        """Text states `(t, l, h)` of captions, zero beyond each one's length."""

        def run(rows: NDArray[np.int64]) -> Tensor:
            states, mask = self._states.take(captions[rows])
            states, mask = self._compute.move(states), self._compute.move(mask)
            with torch.no_grad(), self._compute.precision():
                read = self._model.bridge(self._model.upper(states, mask)).float()
            return read * mask[:, :, None]

        parts = even_parts(np.argsort(lengths, kind="stable"), PassSize(_TEXTS))
        done = self._compute.each(run, parts)
        out = done[0].new_zeros(len(captions), int(lengths.max()), done[0].shape[2])
        for rows, read in zip(parts, done, strict=True):
            out[self._compute.move(torch.from_numpy(rows)), : read.shape[1]] = read
        return out

    def match(
        self,
        pairs: NDArray[np.int64],
        lengths: NDArray[np.int64],
        texts: Tensor,
        regions: Tensor,
    ) -> NDArray[np.float32]:
        """Match logits `(q, n)` of `pairs` `(q, n, 2)`, row of a text and row of a picture."""
        place = torch.arange(texts.shape[1], device=texts.device)
        own = self._compute.move(torch.from_numpy(lengths))

        def run(run_: PairRun) -> NDArray[np.float32]:
            rows, columns = torch.from_numpy(run_.texts), torch.from_numpy(run_.pictures)
            rows, columns = self._compute.move(rows), self._compute.move(columns)
            mask = (place[None, : run_.length] < own[rows, None]).float()
            with torch.no_grad(), self._compute.precision():
                logits = self._model.network.match(
                    texts[rows, : run_.length], mask, regions[columns]
                )
            scores: NDArray[np.float32] = logits.float().cpu().numpy()
            return scores

        flat = pairs.reshape(-1, 2)
        runs = pair_runs(flat, lengths, PassSize(_PAIRS), int(lengths.max()))
        out = np.empty(len(flat), np.float32)
        for run_, logits in zip(runs, self._compute.each(run, runs), strict=True):
            out[run_.numbers] = logits
        return out.reshape(pairs.shape[:2])


def _pairs(way: _Way, *, text_asks: bool) -> NDArray[np.int64]:
    """Pairs `(q, n, 2)`, row of a text and row of a picture, of all first hits."""
    asking = np.broadcast_to(way.queries[:, None], way.hits.items.shape)
    sides = (asking, way.hits.items) if text_asks else (way.hits.items, asking)
    return np.stack(sides, axis=2)


def _hubs(gallery: Embeddings, bank: Embeddings) -> Mapping[float, NDArray[np.float32]]:
    """The hubness `(g,)` of items `(g, d)` at each temperature."""
    return {heat: hubness(gallery, bank, heat) for heat in TEMPERATURES}


def _some(rng: np.random.Generator, n: int, most: int) -> NDArray[np.int64]:
    """At most `most` of `n` rows, ascending."""
    return np.sort(rng.choice(n, min(n, most), replace=False)).astype(np.int64)


def _metrics(
    ranks: tuple[NDArray[np.int64], NDArray[np.int64]], sizes: tuple[int, int]
) -> RetrievalMetrics:
    return RetrievalMetrics(
        summarise_ranks(ranks[0], sizes[0]), summarise_ranks(ranks[1], sizes[1])
    )
