"""A model directory: definition, tokenizer and weights, with a line of dashes in between."""

from __future__ import annotations

import functools
import json
import math

import numpy as np

from mmsearch.encoders.definition import (
    CONFIG_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    ModelDefinition,
    read_definition,
)
from mmsearch.encoders.digest import space_of
from mmsearch.encoders.sources import resolve_model, shipped_directory
from mmsearch.encoders.tokenize import FileTokenizer, TextBatcher, TokenizerRules
from mmsearch.errors import ModelError
from mmsearch.media.decode import decode
from tests.fuzz.decode import LIMITS
from tests.fuzz.places import folder
from tests.unit.media.samples import encoded, scene

PART = b"\n---\n"
WORDS = (
    *(b'"model_cfg"', b'"vision_cfg"', b'"text_cfg"', b'"preprocess_cfg"', b'"embed_dim"', PART),
    *(
        b'"image_size"',
        b'"mean"',
        b'"std"',
        b'"fill_color"',
        b'"resize_mode"',
        b'"tokenizer_kwargs"',
    ),
    *(
        b'"context_length"',
        b'"clean"',
        b"null",
        b"1e999",
        b"[[[[[[[[",
        b'{"a":' * 8,
        b"true",
        b"-1",
    ),
    *(b'"normalizer"', b'"pre_tokenizer"', b'"model"', b'"vocab"', b'"type"', b'"WordPiece"'),
)
_PICTURE = encoded(scene(24, 18), "JPEG")


def check(data: bytes) -> None:
    """A directory is a model whose definition makes sense, or is refused as none."""
    definition, tokenizer, weights = (*data.split(PART), b"", b"")[:3]
    place = folder("model")
    (place / CONFIG_FILE).write_bytes(definition)
    (place / TOKENIZER_FILE).write_bytes(tokenizer)
    (place / WEIGHTS_FILE).write_bytes(weights or _weights())
    try:
        source = resolve_model(str(place), folder("cache"))
        found = read_definition(source.directory)
        assert space_of(source).dim == found.dim
        check_definition(found)
        check_tokens(found)
    except ModelError as exc:
        assert "\n" not in str(exc)


def check_definition(found: ModelDefinition) -> None:
    """Sizes and numbers are such that a picture can be made for it."""
    assert found.dim > 0
    assert all(math.isfinite(value) for value in (*found.mean, *found.std))
    assert all(value > 0 for value in found.std)
    assert found.text.context_length > 0
    assert json.loads(found.canonical)
    pixels = decode(_PICTURE, found.input, LIMITS).pixels
    assert pixels.shape == (found.input.height, found.input.width, 3)


def check_tokens(found: ModelDefinition) -> None:
    """Texts become rows of numbers of the length that the definition tells."""
    text = found.text
    rules = TokenizerRules(text.context_length, clean=text.clean)
    batcher = TextBatcher(FileTokenizer(folder("model") / TOKENIZER_FILE, rules), rules)
    for batch in batcher.batches(["a dog", "", "\U0001f431 caf\u00e9"]):
        assert batch.tokens.dtype == np.int64
        assert batch.tokens.shape[1] <= text.context_length


def seeds() -> list[bytes]:
    """The shipped definition and a small tokenizer; a native one; weights of other kinds."""
    shipped = (shipped_directory() / CONFIG_FILE).read_bytes()
    native = {
        "model_cfg": {
            "embed_dim": 16,
            "vision_cfg": {"image_size": [16, 24], "layers": 1},
            "text_cfg": {"context_length": 8, "tokenizer_kwargs": {"clean": "canonicalize"}},
        },
        "preprocess_cfg": {"mean": 0.5, "std": [0.5, 0.5, 0.5], "resize_mode": "longest"},
    }
    tokenizer = _tokenizer()
    return [
        PART.join((shipped, tokenizer, b"")),
        PART.join((json.dumps(native).encode(), tokenizer, b"")),
        PART.join((shipped, tokenizer, b"\x80\x02}q\0.")),
        PART.join((shipped, tokenizer, b"PK\x03\x04")),
    ]


@functools.cache
def _weights() -> bytes:
    from safetensors.numpy import save

    return save({"x": np.zeros(2, np.float32)})


def _tokenizer() -> bytes:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = {"[PAD]": 0, "[UNK]": 1, "a": 2, "dog": 3, "##g": 4}
    engine = Tokenizer(models.WordPiece(vocab=words, unk_token="[UNK]"))  # noqa: S106 - no secret
    engine.normalizer = normalizers.BertNormalizer(lowercase=True)
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return engine.to_str().encode()
