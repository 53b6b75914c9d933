"""COCO captions: `images[].id, file_name` and `annotations[].image_id, caption`."""

from __future__ import annotations

import json

from mmsearch.datasets.records import CaptionBuilder


def recognises(document: object, sample: str) -> bool:  # noqa: ARG001 - one signature for all
    """Whether `document` has the two lists that COCO's caption files have."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("images"), list)
        and isinstance(document.get("annotations"), list)
    )


def read(text: str, builder: CaptionBuilder) -> None:
    """Add every annotation with the file of its picture; the official files name no split."""
    document = json.loads(text)
    files: dict[object, object] = {}
    splits: dict[object, object] = {}
    for number, image in enumerate(document["images"]):
        key = _key(image, "id")
        if key is None or not isinstance(image.get("file_name"), str):
            builder.refuse(f"images[{number}]", "no id or no file_name")
            continue
        files[key] = image["file_name"]
        splits[key] = image.get("split")
    for number, annotation in enumerate(document["annotations"]):
        where = f"annotations[{number}]"
        key = _key(annotation, "image_id")
        if key not in files:
            builder.refuse(where, f"no usable picture of id {key}")
            continue
        builder.add(where, files[key], annotation.get("caption"), splits[key])


def _key(entry: object, name: str) -> int | str | None:
    value = entry.get(name) if isinstance(entry, dict) else None
    return value if isinstance(value, int | str) else None
