"""A caption file; the first byte is its name, the rest its content."""

from __future__ import annotations

import json

from mmsearch.datasets import CaptionData, read_captions, split_items, split_names
from mmsearch.errors import DatasetError
from tests.fuzz.places import folder

WORDS = (
    *(b'"images"', b'"annotations"', b'"sentences"', b'"raw"', b'"filename"', b'"filepath"'),
    *(b'"image_id"', b'"file_name"', b'"caption"', b'"split"', b'"id"', b"caption,", b"\\ud800"),
    *(
        b"file\tcaption\tsplit",
        b"null",
        b"NaN",
        b"1e999",
        b"[[[[[[[[",
        b'{"a":' * 8,
        b"\xef\xbb\xbf",
    ),
)
_NAMES = ("dataset_.json", "captions.csv", "a.tsv", "dataset_x.jsonl")


def check(data: bytes) -> None:
    """Reading ends in captions that can be kept, or in our own error."""
    name = _NAMES[data[0] % len(_NAMES)] if data else _NAMES[0]
    path = folder("captions") / name
    path.write_bytes(data[1:])
    try:
        found = read_captions(path)
    except DatasetError as exc:
        assert path.stem.removeprefix("dataset_") in str(exc)
        return
    check_captions(found)


def check_captions(found: CaptionData) -> None:
    """Captions are text that SQLite and tokenizers take; each picture is in one split."""
    assert found.items
    assert found.name
    files = [item.file for item in found.items if item.file is not None]
    assert len(set(files)) == len(files)
    for item in found.items:
        assert item.captions
        assert all(text == " ".join(text.split()) and text for text in item.captions)
        assert all(text.encode("utf-8") for text in item.captions)
        assert item.file is None or (item.file.strip() and "\0" not in item.file)
        assert item.split is None or item.split == item.split.strip().lower()
    assert all(row.where and row.reason for row in found.bad_rows)
    for name in split_names(found):
        assert split_items(found, name)


def seeds() -> list[bytes]:
    """One small file of every format."""
    karpathy = {
        "images": [
            {"filename": "a.jpg", "split": "train", "sentences": [{"raw": "a dog"}]},
            {"filename": "b.jpg", "filepath": "val", "split": "val", "sentences": [{"raw": "b"}]},
        ]
    }
    coco = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": "x", "file_name": "b.jpg"}],
        "annotations": [{"image_id": 1, "caption": "a dog"}, {"image_id": "x", "caption": "b"}],
    }
    lines = ['{"file": "a.jpg", "caption": ["a dog", "b"], "split": "dev"}', '{"text": "free"}']
    tables = [
        'file,caption,split\na.jpg,"a dog, big",train\nb.jpg,b,val\n',
        "image\ttext\na.jpg\ta dog\n\tfree\n",
        'title;path\r\n"two\r\nlines";a.jpg\r\n',
        "caption\nfree one\n",
    ]
    texts = [json.dumps(karpathy), json.dumps(coco), "\n".join(lines), *tables]
    return [bytes([number]) + text.encode() for number, text in enumerate(texts)]
