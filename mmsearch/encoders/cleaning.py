"""open_clip's text cleaning, without open_clip: importing that would import torch."""

from __future__ import annotations

import html
import string
from collections.abc import Callable
from typing import Final

from mmsearch.errors import ModelError

_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)


def cleaning(name: str) -> Callable[[str], str]:
    """open_clip's cleaning called `name`: 'whitespace', 'lower' or 'canonicalize'.

    Raises:
        ModelError: open_clip has no such cleaning.
    """
    if name not in _CLEANINGS:
        raise ModelError(f"unknown text cleaning '{name}' in the model's tokenizer_kwargs")
    return _CLEANINGS[name]


def _repaired(text: str) -> str:
    """`text` without mojibake and HTML entities, stripped."""
    # Plain ASCII without entities is what ftfy leaves as it is; importing ftfy takes 50 ms.
    if not (text.isascii() and text.isprintable() and "&" not in text):
        import ftfy

        text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return text.strip()


def _whitespace(text: str) -> str:
    return " ".join(_repaired(text).split())


def _lower(text: str) -> str:
    return _whitespace(text).lower()


def _canonicalize(text: str) -> str:
    """Lower case without punctuation (Google's big_vision, used by SigLIP)."""
    bare = _repaired(text).replace("_", " ").translate(_PUNCTUATION)
    return " ".join(bare.lower().split())


_CLEANINGS: Final[dict[str, Callable[[str], str]]] = {
    "whitespace": _whitespace,
    "lower": _lower,
    "canonicalize": _canonicalize,
}
