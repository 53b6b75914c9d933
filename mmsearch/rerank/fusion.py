"""One score of a cross encoder's logit and a dual encoder's cosine, hubs held back.

Some pictures lie near every question, and so come up too often: hubs. Holding an item's nearness
to a bank of typical questions against it is the inverted softmax (Smith et al. 2017, section 2.2)
and querybank normalisation (Bogolin et al. 2022, section 3).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmsearch.rerank_types import Fusion, QueryBank
from mmsearch.runtime.products import product
from mmsearch.types import Embeddings, Scores

_ROWS = 4096


def hubness(items: Embeddings, bank: Embeddings, temperature: float) -> Scores:
    """How near each of n items is to whatever is asked: `(n,)` float32, in cosines.

    That is `t log mean exp(cosine / t)` over the questions of `bank` `(b, d)` for items `(n, d)`
    at temperature t; 0 where the bank is empty.
    """
    out = np.zeros(len(items), np.float32)
    if not len(bank):
        return out
    for start in range(0, len(items), _ROWS):
        scaled = product(items[start : start + _ROWS], bank) / temperature
        top = scaled.max(axis=1, keepdims=True)
        mean = np.exp(scaled - top).mean(axis=1)
        out[start : start + _ROWS] = temperature * (np.log(mean) + top[:, 0])
    return out


def fused(
    logits: Scores, cosines: Scores, hubs: Scores, weight: float, share: float
) -> NDArray[np.float32]:
    """`logit + weight * (cosine - share * hubness)`, all of equal shape.

    Rounded to float32, as cosines are: equal pairs get equal scores.
    """
    held_back = cosines.astype(np.float64) - share * hubs.astype(np.float64)
    scores: NDArray[np.float32] = (logits + weight * held_back).astype(np.float32)
    return scores


def fused_images(
    fusion: Fusion, bank: QueryBank, logits: Scores, cosines: Scores, images: Embeddings
) -> Scores:
    """Scores `(n,)` of n pictures for one text; `images` `(n, d)` are their embeddings."""
    hubs = hubness(images, bank.texts, fusion.temperature)
    return fused(logits, cosines, hubs, fusion.images, fusion.image_hubness)


def fused_captions(
    fusion: Fusion, bank: QueryBank, logits: Scores, cosines: Scores, texts: Embeddings
) -> Scores:
    """Scores `(n,)` of n captions for one picture; `texts` `(n, d)` are their embeddings."""
    hubs = hubness(texts, bank.images, fusion.temperature)
    return fused(logits, cosines, hubs, fusion.captions, fusion.caption_hubness)
