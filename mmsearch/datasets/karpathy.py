"""Karpathy's split files: `dataset_*.json` with `images[].filename, split, sentences[].raw`."""

from __future__ import annotations

import json

from mmsearch.datasets.records import CaptionBuilder


def recognises(document: object, sample: str) -> bool:  # noqa: ARG001 - one signature for all
    """Whether `document` has pictures that carry their own sentences."""
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        return False
    return any(isinstance(image, dict) and "sentences" in image for image in document["images"])


def read(text: str, builder: CaptionBuilder) -> None:
    """Add every sentence; `filepath`, which COCO's file has, becomes the file's folder."""
    for number, image in enumerate(json.loads(text)["images"]):
        where = f"images[{number}]"
        if not isinstance(image, dict):
            builder.refuse(where, "not an object")
            continue
        file = _file(image)
        if file is None:
            builder.refuse(where, "no filename")
            continue
        sentences = image.get("sentences")
        if not isinstance(sentences, list) or not sentences:
            builder.refuse(where, "no sentences")
            continue
        for position, sentence in enumerate(sentences):
            raw = sentence.get("raw") if isinstance(sentence, dict) else None
            builder.add(f"{where}.sentences[{position}]", file, raw, image.get("split"))


def _file(image: dict[str, object]) -> str | None:
    name, folder = image.get("filename"), image.get("filepath")
    if not isinstance(name, str) or not name.strip():
        return None
    if isinstance(folder, str) and folder.strip():
        return f"{folder.strip().rstrip('/')}/{name}"
    return name
