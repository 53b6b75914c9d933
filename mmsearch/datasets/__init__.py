"""Readers of caption data: every format becomes `CaptionData`; one file a format, one table."""

from mmsearch.datasets.reading import FORMATS, CaptionFormat, read_captions
from mmsearch.datasets.records import BadRow, CaptionData, CaptionedImage
from mmsearch.datasets.splits import split_items, split_names

__all__ = [
    "FORMATS",
    "BadRow",
    "CaptionData",
    "CaptionFormat",
    "CaptionedImage",
    "read_captions",
    "split_items",
    "split_names",
]
