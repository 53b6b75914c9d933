"""What a picture says of itself: size, camera, moment, place. Trusts nothing it reads."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime

from PIL import ExifTags, Image

from mmsearch.types import MediaMetadata

log = logging.getLogger(__name__)

ORIENTATION = ExifTags.Base.Orientation
TRANSPOSING = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap width and height."""

_OLDEST_YEAR = 1826  # the first photograph
_NEWEST_YEAR = 2200
_CAMERA_LENGTH = 120


def read_metadata(image: Image.Image, size: tuple[int, int], file_format: str) -> MediaMetadata:
    """Metadata of an opened picture whose upright size is `size` (width, height).

    `taken_at` is the camera's own clock, without a zone. A value that is missing, malformed or
    absurd is None; a position of exactly 0° N 0° E counts as missing, since receivers without a
    fix write it.
    """
    exif = read_exif(image)
    position = _position(_sub_ifd(exif, ExifTags.IFD.GPSInfo))
    return MediaMetadata(
        width=size[0],
        height=size[1],
        format=file_format,
        taken_at=_taken_at(exif, _sub_ifd(exif, ExifTags.IFD.Exif)),
        latitude=position[0] if position else None,
        longitude=position[1] if position else None,
        camera=_camera(exif),
    )


def read_exif(image: Image.Image) -> Image.Exif:
    """EXIF of a picture, empty where there is none or it cannot be parsed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return image.getexif()
        except Exception as exc:  # noqa: BLE001 - garbage raises anything; the pixels still count
            log.debug("EXIF ignored: %s", exc)
            return Image.Exif()


def orientation_of(exif: Image.Exif) -> int:
    """EXIF orientation, 1 to 8; 1 for anything else."""
    value = exif.get(ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _sub_ifd(exif: Image.Exif, ifd: ExifTags.IFD) -> Mapping[int, object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dict(exif.get_ifd(ifd))
        except Exception as exc:  # noqa: BLE001 - as above: a damaged directory is no directory
            log.debug("EXIF directory %s ignored: %s", ifd, exc)
            return {}


def _taken_at(exif: Image.Exif, details: Mapping[int, object]) -> datetime | None:
    candidates = (
        details.get(ExifTags.Base.DateTimeOriginal),
        details.get(ExifTags.Base.DateTimeDigitized),
        exif.get(ExifTags.Base.DateTime),
    )
    for value in candidates:
        moment = _moment(_text(value))
        if moment is not None:
            return moment
    return None


def _moment(text: str) -> datetime | None:
    """`YYYY:MM:DD HH:MM:SS`, also with other separators, as some programs write it."""
    digits = "".join(char if char in "0123456789" else " " for char in text[:19]).split()
    if len(digits) != 6 or len(digits[0]) != 4:
        return None
    try:
        moment = datetime(*(int(part) for part in digits))  # type: ignore[arg-type]  # six ints
    except ValueError:
        return None
    return moment if _OLDEST_YEAR <= moment.year <= _NEWEST_YEAR else None


def _camera(exif: Image.Exif) -> str | None:
    """Maker and model in one line, the maker not repeated."""
    maker = _text(exif.get(ExifTags.Base.Make))
    model = _text(exif.get(ExifTags.Base.Model))
    if maker and model and not model.lower().startswith(maker.split()[0].lower()):
        model = f"{maker} {model}"
    return (model or maker)[:_CAMERA_LENGTH] or None


def _text(value: object) -> str:
    """Printable text of a tag; "" for anything that is none."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    kept = "".join(char if char.isprintable() else " " for char in value.split("\0")[0])
    return " ".join(kept.split())


def _position(gps: Mapping[int, object]) -> tuple[float, float] | None:
    """(latitude, longitude) in degrees, or None unless both are sound."""
    latitude = _angle(gps.get(ExifTags.GPS.GPSLatitude), 90)
    longitude = _angle(gps.get(ExifTags.GPS.GPSLongitude), 180)
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None
    south = _text(gps.get(ExifTags.GPS.GPSLatitudeRef)).upper().startswith("S")
    west = _text(gps.get(ExifTags.GPS.GPSLongitudeRef)).upper().startswith("W")
    return (-latitude if south else latitude), (-longitude if west else longitude)


def _angle(value: object, limit: float) -> float | None:
    """Degrees from degrees, minutes, seconds; None when any of them is not a sound number."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) > 3:
        return None
    parts = [_number(part) for part in value]
    if not parts or any(part is None or part < 0 for part in parts):
        return None
    angle = sum(part / 60**power for power, part in enumerate(parts) if part is not None)
    return angle if angle <= limit else None


def _number(value: object) -> float | None:
    """A finite float; None for x/0, text and the like."""
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever is no number raises
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None
