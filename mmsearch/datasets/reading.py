"""The table of caption formats, and the one function that reads any of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mmsearch.datasets import coco, delimited, jsonl, karpathy
from mmsearch.datasets.records import CaptionBuilder, CaptionData
from mmsearch.errors import DatasetError

_SAMPLE_CHARACTERS = 65_536


class _Reader(Protocol):
    def __call__(self, text: str, builder: CaptionBuilder) -> None:
        """Put every row of `text` into `builder`."""


@dataclass(frozen=True, slots=True)
class CaptionFormat:
    """One format: `recognises(document, sample)` decides, `read(text, builder)` reads.

    `document` is the parsed JSON of the whole file, None where it is not one JSON value; `sample`
    is the beginning of the text.
    """

    name: str
    recognises: Callable[[object, str], bool]
    read: _Reader


FORMATS = (
    CaptionFormat("Karpathy JSON", karpathy.recognises, karpathy.read),
    CaptionFormat("COCO captions JSON", coco.recognises, coco.read),
    CaptionFormat("JSONL", jsonl.recognises, jsonl.read),
    CaptionFormat("CSV or TSV", delimited.recognises, delimited.read),
)


def read_captions(path: Path) -> CaptionData:
    """The captions of a file in any known format, recognised by its content.

    Rows that cannot be used are in `bad_rows`; they are never fatal.

    Raises:
        DatasetError: The file cannot be read, is of no known format, or holds no caption.
    """
    text = _read_text(path)
    name = _dataset_name(path)
    document = _whole_json(text)
    for known in FORMATS:
        if known.recognises(document, text[:_SAMPLE_CHARACTERS]):
            builder = CaptionBuilder(name)
            known.read(text, builder)
            return _checked(path, known, builder.build())
    raise DatasetError(
        f"{path}: not a caption file: expected one of {', '.join(f.name for f in FORMATS)}; "
        "tables need a header with a caption column (caption, text, title or sentence)"
    )


def _read_text(path: Path) -> str:
    """The file's text; bytes that are not UTF-8 survive as surrogates, for file names."""
    try:
        return path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as exc:
        raise DatasetError(f"{path}: cannot be read ({exc.strerror or exc})") from exc


def _whole_json(text: str) -> object:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _dataset_name(path: Path) -> str:
    """`flickr8k` of `dataset_flickr8k.json`, else the name without its suffix."""
    return path.stem.removeprefix("dataset_") or path.stem


def _checked(path: Path, known: CaptionFormat, data: CaptionData) -> CaptionData:
    if data.items:
        return data
    why = f" ({data.bad_rows[0].where}: {data.bad_rows[0].reason})" if data.bad_rows else ""
    raise DatasetError(f"{path}: read as {known.name}, but it holds no caption{why}")
