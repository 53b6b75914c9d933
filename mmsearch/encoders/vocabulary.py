"""The tokenizer of a loaded model, written as one `tokenizer.json` with its rules."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsearch.encoders.definition import TOKENIZER_FILE
from mmsearch.encoders.tokenize import FileTokenizer, TokenizerRules, padded
from mmsearch.errors import ModelError

if TYPE_CHECKING:
    from mmsearch.encoders.torch_model import LoadedModel

SAMPLE_TEXTS = (
    "",
    "a dog",
    "A photo of two CATS, sitting on the sofa!",
    "it's 3 o'clock & we'll   eat\tcafé crème\n",
    "l&apos;été à la plage — naïve façade Ünïcödé",
    "日本の猫 кошка на снегу 🐶🏖️ don't",
    "snake_case, e-mail@example.org, 1,234.56 $ % # <tag> [MASK] </s>",
    "word " * 200,
    "Donaudampfschifffahrtsgesellschaftskapitän" * 4,
)

logger = logging.getLogger(__name__)


def write_tokenizer(loaded: LoadedModel, folder: Path) -> TokenizerRules | None:
    """Write `folder/tokenizer.json` and tell its rules; None where it would not be equal.

    It is compared with open_clip's own tokenizer on sample texts before it is trusted.
    """
    try:
        rules = _write(loaded, folder / TOKENIZER_FILE)
        if rules is not None and _agrees(loaded, folder / TOKENIZER_FILE, rules):
            return rules
    except ModelError as exc:
        logger.debug("no equal tokenizer.json: %s", exc)
    logger.info("model '%s' needs open_clip's own tokenizer, which loads torch", loaded.source.name)
    return None


def _write(loaded: LoadedModel, file: Path) -> TokenizerRules | None:
    """Write the file that should serve."""
    text = loaded.definition.text
    if text.special:
        return None
    if not text.huggingface_tokenizer:
        from mmsearch.encoders.bpe import write_clip_tokenizer

        write_clip_tokenizer(file, ignore_case=text.clean != "lower")
        return TokenizerRules(
            text.context_length, fixed_length=not text.huggingface_model, clean=text.clean
        )
    original = loaded.source.directory / TOKENIZER_FILE
    if not original.is_file():
        return None
    shutil.copyfile(original, file)
    # The longest padded row of all shows the padding token: no text is empty at the right end.
    tokens = loaded.tokenizer(["", "a"]).numpy()
    pad_id = int(tokens[0, -1])
    return TokenizerRules(
        text.context_length,
        pad_id=pad_id,
        fixed_length=not text.huggingface_model,
        clean=text.clean,
        zeroed_id=_separator_id(file) if text.strip_sep else None,
    )


def _separator_id(file: Path) -> int | None:
    """The id of `[SEP]`, which open_clip's `strip_sep_token` zeroes."""
    from tokenizers import Tokenizer

    found: int | None = Tokenizer.from_file(str(file)).token_to_id("[SEP]")
    return found


def _agrees(loaded: LoadedModel, file: Path, rules: TokenizerRules) -> bool:
    """Whether the written file gives open_clip's tokens for all sample texts."""
    expected = loaded.tokenizer(list(SAMPLE_TEXTS)).numpy()
    full = TokenizerRules(rules.context_length, rules.pad_id, True, rules.clean, rules.zeroed_id)
    found = padded(FileTokenizer(file, full).encode(SAMPLE_TEXTS), full)
    return found.shape == expected.shape and bool(np.array_equal(found, expected))
