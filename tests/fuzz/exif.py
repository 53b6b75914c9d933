"""The EXIF segment of a picture that is sound otherwise."""

from __future__ import annotations

import io

from PIL import ExifTags, Image

from mmsearch.media.decode import decode
from mmsearch.types import InputSpec
from tests.fuzz.decode import LIMITS, check_metadata
from tests.unit.media.samples import encoded, scene

WORDS = (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"\x12\x01", b"\x25\x88", b"\x69\x87", b"2024:01:")
_LONGEST = 65_000  # a JPEG segment's length has 16 bits
_JPEG, _PNG = encoded(scene(24, 18), "JPEG"), encoded(scene(24, 18), "PNG")
_SPEC = InputSpec(6, 6)


def check(data: bytes) -> None:
    """Whatever the EXIF is, the picture is decoded: its pixels are sound."""
    for picture in (_jpeg_with(data[:_LONGEST]), _png_with(data[:_LONGEST])):
        made = decode(picture, _SPEC, LIMITS)
        check_metadata(made.metadata)
        assert sorted((made.metadata.width, made.metadata.height)) == [18, 24]


def seeds() -> list[bytes]:
    """Segments with all that is read of them."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Model] = "Model 1"
    exif[ExifTags.Base.DateTime] = "2024:01:02 03:04:05"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2023:01:02 03:04:05"
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitude], place[ExifTags.GPS.GPSLatitudeRef] = (48.0, 8.0, 1.5), "N"
    place[ExifTags.GPS.GPSLongitude], place[ExifTags.GPS.GPSLongitudeRef] = (11.0, 34.0, 0.0), "W"
    bare = Image.Exif()
    bare[ExifTags.Base.Orientation] = 3
    return [exif.tobytes()[6:], bare.tobytes()[6:], b""]


def _jpeg_with(tiff: bytes) -> bytes:
    body = b"Exif\0\0" + tiff
    return _JPEG[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + _JPEG[2:]


def _png_with(tiff: bytes) -> bytes:
    from PIL.PngImagePlugin import putchunk

    out = io.BytesIO()
    out.write(_PNG[:33])  # signature and IHDR
    putchunk(out, b"eXIf", tiff)
    out.write(_PNG[33:])
    return out.getvalue()
