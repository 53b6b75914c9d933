"""The lift is what ranking by the fused scores gives, computed naively."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsearch.rerank.fusion import hubness
from mmsearch.rerank_types import Fusion
from mmsearch.training.reranker.device import computing
from mmsearch.training.reranker.examples import CaptionIndex, ValidationSet
from mmsearch.training.reranker.records import Lift
from mmsearch.training.reranker.states import keep_states, padded
from mmsearch.training.reranker.validation import Validator, measure
from tests.unit.training.reranker.test_start import toy_model
from tests.unit.training.reranker.toy import toy_examples

EXAMPLES = toy_examples()
PICTURES = EXAMPLES.val[0].pictures
FUSION = Fusion(7.0, 3.0, image_hubness=0.5, caption_hubness=0.3, temperature=0.08)


def _measured(folder: Path, depth: int, queries: int, fusion: Fusion | None) -> Lift:
    model = toy_model(10)
    with computing("cpu", "off", parallel=True) as compute:
        states = keep_states(model, EXAMPLES.tokens, folder, compute)
        validator = Validator(EXAMPLES, EXAMPLES.val[0], depth, queries, 0)
        if fusion is None:
            return measure([validator], model, states, compute)[0]
        return validator.lift(validator.score(model, states, compute), fusion)


def _logits() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Match logits `(m, n)` of all captions and pictures, one by one."""
    model = toy_model(10)
    captions = CaptionIndex(EXAMPLES.owner, len(EXAMPLES.group)).of_all(PICTURES)
    out = np.empty((len(captions), len(PICTURES)), np.float32)
    with torch.no_grad():
        codes = model.projection(torch.from_numpy(EXAMPLES.cells[0][PICTURES].astype(np.float32)))
        regions = model.network.read_regions(codes)
        for row, caption in enumerate(captions):
            tokens = padded([EXAMPLES.tokens[caption]], 0)
            text = model.network.read_text(tokens).expand(len(PICTURES), -1, -1)
            out[row] = model.network.match(text, torch.ones(text.shape[:2]), regions).numpy()
    return out


@pytest.mark.parametrize("depth", [3, 100])
def test_recalls_are_those_of_the_fused_order(tmp_path: Path, depth: int) -> None:
    lift = _measured(tmp_path, depth, 1000, FUSION)
    captions = CaptionIndex(EXAMPLES.owner, len(EXAMPLES.group)).of_all(PICTURES)
    own = np.searchsorted(PICTURES, EXAMPLES.owner[captions])
    cosines = EXAMPLES.texts[captions] @ EXAMPLES.images[0][PICTURES].T
    logits = _logits()
    images, texts = EXAMPLES.images[0][PICTURES], EXAMPLES.texts[captions]
    image_hubs = hubness(images, EXAMPLES.bank.texts, FUSION.temperature)
    text_hubs = hubness(texts, EXAMPLES.bank.images, FUSION.temperature)
    found = []
    for row in range(len(captions)):
        order = list(np.argsort(-cosines[row], kind="stable"))
        held = cosines[row] - FUSION.image_hubness * image_hubs
        fused = logits[row] + FUSION.images * held
        order = sorted(order[:depth], key=lambda column: -fused[column]) + order[depth:]
        found.append(order[0] == own[row])
    assert lift.reranked.text_to_image.r_at(1) == pytest.approx(100 * np.mean(found))
    found = []
    for column in range(len(PICTURES)):
        order = list(np.argsort(-cosines[:, column], kind="stable"))
        held = cosines[:, column] - FUSION.caption_hubness * text_hubs
        fused = logits[:, column] + FUSION.captions * held
        order = sorted(order[:depth], key=lambda row: -fused[row]) + order[depth:]
        found.append(own[order[0]] == column)
    assert lift.reranked.image_to_text.r_at(1) == pytest.approx(100 * np.mean(found))
    first = [
        min(np.argsort(-row)[:depth], key=lambda column: -of[column])
        for row, of in zip(cosines, logits, strict=True)
    ]
    assert lift.alone.text_to_image.r_at(1) == pytest.approx(100 * np.mean(first == own))
    best = cosines.argmax(1) == own
    assert lift.dual.text_to_image.r_at(1) == pytest.approx(100 * np.mean(best))


def test_the_best_fusion_is_at_least_as_good(tmp_path: Path) -> None:
    chosen, given = _measured(tmp_path, 8, 1000, None), _measured(tmp_path, 8, 1000, FUSION)
    assert chosen.score >= given.score - 5, "it is chosen by R@1 and mean reciprocal rank"
    assert chosen.points == pytest.approx(
        chosen.reranked.text_to_image.r_at(1) - chosen.dual.text_to_image.r_at(1)
    )


def test_fewer_queries_are_a_fixed_sample(tmp_path: Path) -> None:
    """Both recalls are of the same queries, the same ones each time."""
    one, other = _measured(tmp_path, 8, 5, FUSION), _measured(tmp_path, 8, 5, FUSION)
    assert one == other
    assert one.dual.text_to_image.r_at(1) % 20 == pytest.approx(0)


def test_gallery_smaller_than_the_depth(tmp_path: Path) -> None:
    few = replace(EXAMPLES, val=(ValidationSet("few", PICTURES[:3]),))
    model = toy_model(10)
    with computing("cpu", "off", parallel=False) as compute:
        states = keep_states(model, EXAMPLES.tokens, tmp_path, compute)
        (lift,) = measure([Validator(few, few.val[0], 50, 1000, 0)], model, states, compute)
    assert lift.reranked.text_to_image.r_at(3) == 100
