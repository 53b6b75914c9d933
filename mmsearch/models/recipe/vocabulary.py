"""Prunes a WordPiece vocabulary to the pieces an image retrieval model meets.

MiniLM spends half its parameters on 30,522 piece embeddings, among them years, surnames and
scripts that no caption uses. Dropping a piece changes only the texts that used it: greedy
longest-match WordPiece then spells them with shorter pieces that are always kept.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

logger = logging.getLogger(__name__)

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_SINGLE = re.compile(r"(##)?[\x21-\x7e]")
_LATIN = re.compile(r"(##)?[a-z]+")


def count_pieces(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[int]:
    """How often each piece id occurs in `texts`."""
    counts: Counter[int] = Counter()
    for encoding in tokenizer.encode_batch(list(texts)):
        counts.update(encoding.ids)
    return counts


def choose_pieces(
    tokenizer: Tokenizer, captions: Sequence[str], names: Sequence[str], size: int
) -> NDArray[np.int64]:
    """Old ids of the pieces to keep, ascending, with [PAD] moved to the front.

    Always kept: special pieces and single characters, so that every word still tokenises.
    Then by use: a piece of a caption counts as often as it is seen, a piece of an object name
    twice as much, and the rest of the Latin words follow in the vocabulary's own order, which
    is by frequency in BERT's corpus.

    Args:
        tokenizer: The full WordPiece tokenizer, without truncation.
        captions: Texts in the language of the queries.
        names: Object names, one text each.
        size: How many pieces to keep.

    Returns:
        (size,) int64.
    """
    pieces = tokenizer.get_vocab()
    always = {i for p, i in pieces.items() if p in SPECIAL or _SINGLE.fullmatch(p)}
    use = count_pieces(tokenizer, captions)
    for piece, count in count_pieces(tokenizer, names).items():
        use[piece] += 2 * count
    seen = sorted((i for i in use if i not in always), key=lambda i: (-use[i], i))
    unseen = sorted(
        i for p, i in pieces.items() if i not in use and i not in always and _LATIN.fullmatch(p)
    )
    chosen = sorted(always) + (seen + unseen)[: size - len(always)]
    dropped = sum(use[i] for i in seen[size - len(always) :])
    logger.info("vocabulary: %d of %d pieces, %d uses dropped", size, len(pieces), dropped)
    pad = pieces["[PAD]"]
    return np.asarray([pad, *sorted(set(chosen) - {pad})], dtype=np.int64)


def prune_tokenizer(tower: Path, keep: NDArray[np.int64], out: Path, positions: int = 64) -> None:
    """Writes tokenizer.json, tokenizer_config.json and config.json for the kept pieces to `out`.

    Args:
        tower: Directory of the full text tower.
        keep: (v,) int64, old id of each new id; [PAD] first.
        out: Directory to write to; made when missing.
        positions: Longest text in pieces; later position embeddings are cut.
    """
    out.mkdir(parents=True, exist_ok=True)
    spec = json.loads((tower / "tokenizer.json").read_text(encoding="utf-8"))
    old = {i: piece for piece, i in spec["model"]["vocab"].items()}
    vocab = {old[int(i)]: new for new, i in enumerate(keep)}
    spec["model"]["vocab"] = vocab
    spec["truncation"] = spec["padding"] = None
    for token in spec["added_tokens"]:
        token["id"] = vocab[token["content"]]
    for token in spec["post_processor"].get("special_tokens", {}).values():
        token["ids"] = [vocab[t] for t in token["tokens"]]
    for name in ("sep", "cls"):
        if name in spec["post_processor"]:
            spec["post_processor"][name][1] = vocab[spec["post_processor"][name][0]]
    _write_json(out / "tokenizer.json", spec, indent=None)
    settings = json.loads((tower / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings.pop("name_or_path", None)
    config = json.loads((tower / "config.json").read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    config["vocab_size"] = len(keep)
    config["pad_token_id"] = vocab["[PAD]"]
    config["max_position_embeddings"] = positions
    settings["model_max_length"] = positions
    _write_json(out / "tokenizer_config.json", settings)
    _write_json(out / "config.json", config)


def prune_rows(weight: Tensor, keep: NDArray[np.int64]) -> Tensor:
    """The kept rows of a piece embedding, (v, d), in the order of `keep`."""
    return weight.detach()[torch.from_numpy(keep)].clone()


def _write_json(path: Path, value: object, indent: int | None = 2) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    path.write_text(text + "\n", encoding="utf-8")
