"""A question with all its parts, a line each, asked of a small library.

A line's first character tells what it is: `+` and `-` terms, `k`, `o`, `s` numbers, `u` a folder,
`f` a format, `a` an orientation, `<` and `>` days, `w` the picture's weight; else the text itself.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import math
from datetime import date

import numpy as np

from mmsearch.cli.question import Question
from mmsearch.encoders.sources import shipped_directory
from mmsearch.encoders.tokenize import FileTokenizer, TextBatcher, TokenizerRules
from mmsearch.engine.library import Library
from mmsearch.engine.query_language import compose
from mmsearch.engine.records import IndexOptions
from mmsearch.engine.request import QueryOptions, QueryRequest
from mmsearch.errors import QueryError
from tests.fakes import FakeModels
from tests.fuzz.places import folder
from tests.photos import fake_library, photo

WORDS = (
    *(
        b":2",
        b":0.5",
        b":1e9",
        b":.5",
        b":-1",
        b"10:30",
        b":" + b"9" * 50,
        b":0." + b"0" * 50 + b"1",
    ),
    *(b"\n+", b"\n-", b"\nk", b"\nu/", b"\nfjpg", b"\nasquare", b"\n<2024-01-01", b"\n>9999-12-31"),
    *(b"&amp;", b"&#x110000;", b"\xed\xa0\x80", b"\xff", b"\0", "٣".encode(), "²".encode()),
)
_LONGEST = 4000
_NUMBERS = {"k": "k", "o": "offset", "w": "picture_weight", "s": "min_score"}


def check(data: bytes) -> None:
    """A question is answered, or refused as a question; its embedding is a direction."""
    lines = data[:_LONGEST].decode("utf-8", "surrogateescape").split("\n")
    text, options = _parts(lines)
    with contextlib.suppress(QueryError):
        assert isinstance(Question.of(text, None, *_terms(options)).title, str)
    try:
        request = QueryRequest.of(text, options)
        check_embedding(request)
        with contextlib.suppress(QueryError):
            hits = library().query(text, **options)
            assert all(math.isfinite(hit.score) for hit in hits)
            first = request.offset + 1
            assert [hit.rank for hit in hits] == list(range(first, first + len(hits)))
        library().query_captions(text, **options)
    except QueryError as exc:
        assert str(exc)


def check_embedding(request: QueryRequest) -> None:
    """All texts have tokens, and what they make up is a direction or cancels out."""
    batches = _batcher().batches(request.texts)
    assert sum(len(batch.numbers) for batch in batches) == len(request.texts)
    assert all(math.isfinite(weight) and weight for weight in request.text_weights)
    rng = np.random.default_rng(len(request.texts))
    rows = rng.normal(size=(len(request.texts), 16)).astype(np.float32)
    if len(rows):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        made = compose(rows, request.text_weights)
        assert abs(float(np.linalg.norm(made)) - 1) < 1e-3


def seeds() -> list[bytes]:
    """Questions of every kind."""
    questions = [
        "red",
        "red\n+sunset:0.5\n-blue:2",
        "\n+a",
        "green 16:9\nk3\no1\ns0.1",
        "blue\nfjpg\nfpng\nasquare\n<2024-01-01\n>2024-12-31",
        "red &amp; white\nu/tmp\nw2",
        "a photo of a\u0301 cat \U0001f431",
    ]
    return [question.encode() for question in questions]


@functools.cache
def library() -> Library:
    """A library of three pictures and a caption; it lasts as long as the process."""
    place = folder("query")
    for number, colour in enumerate(("red", "green", "blue")):
        photo(place / "photos" / f"{colour}.png", colour, number)
    (place / "captions.csv").write_text("file,caption\nred.png,red things\n", "utf-8")
    made = fake_library(place / "home", FakeModels())
    atexit.register(made.close)
    made.index([place / "photos"], IndexOptions(captions=(place / "captions.csv",)))
    return made


@functools.cache
def _batcher() -> TextBatcher:
    rules = TokenizerRules(77, clean="canonicalize")
    return TextBatcher(FileTokenizer(shipped_directory() / "tokenizer.json", rules), rules)


def _parts(lines: list[str]) -> tuple[str | None, QueryOptions]:
    options: QueryOptions = {"plus": [], "minus": [], "formats": []}
    text: list[str] = []
    for line in lines:
        kind, rest = line[:1], line[1:]
        with contextlib.suppress(ValueError):
            if kind in _NUMBERS:
                value = float(rest) if kind in "ws" else int(rest)
                options[_NUMBERS[kind]] = value  # type: ignore[literal-required]
            elif kind == "<":
                options["taken_from"] = date.fromisoformat(rest)
            elif kind == ">":
                options["taken_to"] = date.fromisoformat(rest)
            elif not _name(options, kind, rest):
                text.append(line)
    return "\n".join(text) if any(text) else None, options


def _name(options: QueryOptions, kind: str, rest: str) -> bool:
    """Whether a line was an option whose value is text."""
    if kind in "+-fua" and kind:
        if kind == "u":
            options["under"] = rest
        elif kind == "a":
            options["orientation"] = rest
        else:
            key = {"+": "plus", "-": "minus", "f": "formats"}[kind]
            options[key].append(rest)  # type: ignore[literal-required]
    return bool(kind) and kind in "+-fua"


def _terms(options: QueryOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(map(str, options["plus"])), tuple(map(str, options["minus"]))
