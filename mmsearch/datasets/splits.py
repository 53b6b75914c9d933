"""Choosing the pictures of a split."""

from __future__ import annotations

from mmsearch.datasets.records import CaptionData, CaptionedImage, canonical_split
from mmsearch.errors import DatasetError

ALL = "all"


def split_items(
    data: CaptionData, split: str, *, restval: bool = False
) -> tuple[CaptionedImage, ...]:
    """The captioned pictures of `split`, in file order; free captions are left out.

    Args:
        data: What a reader gave.
        split: `train`, `val`, `test`, any name that the data uses, or `all`.
        restval: Count Karpathy's `restval` as `train`. It is those COCO validation pictures that
            are in neither `val` nor `test`; papers on COCO train on both, so `train` does too
            when asked to. Flickr8k's protocol does not use it.

    Raises:
        DatasetError: The data has no picture in that split; the splits it has are named.
    """
    wanted = canonical_split(split)
    names = {wanted, "restval"} if restval and wanted == "train" else {wanted}
    items = tuple(
        item
        for item in data.items
        if item.file is not None and (wanted == ALL or item.split in names)
    )
    if items:
        return items
    known = split_names(data)
    if not known:
        raise DatasetError(
            f"{data.name}: no split '{split}', for the data names no splits: "
            f"add a column 'split' or take split '{ALL}'"
        )
    raise DatasetError(
        f"{data.name}: no picture in split '{split}': take one of {', '.join(known)}, {ALL}"
    )


def split_names(data: CaptionData) -> tuple[str, ...]:
    """The splits that the data's pictures are in, sorted; empty when it names none."""
    return tuple(
        sorted({item.split for item in data.items if item.split and item.file is not None})
    )
