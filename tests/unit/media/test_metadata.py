"""Camera, moment and place, whatever nonsense the EXIF holds."""

from __future__ import annotations

from datetime import datetime

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

from mmsearch.media.decode import decode
from mmsearch.media.metadata import read_metadata
from mmsearch.types import MediaMetadata
from tests.unit.media.samples import LIMITS, encoded, scene, spec


class Fake(Image.Image):
    """A picture whose EXIF is given, so that values no writer would write can be tried."""

    def __init__(self, tags: dict[int, object], gps: object = None, details: object = None) -> None:
        super().__init__()
        self.tags, self.ifds = tags, {IFD.GPSInfo: gps, IFD.Exif: details}

    def getexif(self) -> Image.Exif:
        exif = Image.Exif()
        exif.update(self.tags)
        exif.get_ifd = self.ifds.__getitem__  # type: ignore[method-assign]
        return exif


def of(
    tags: dict[int, object] | None = None, gps: object = None, details: object = None
) -> MediaMetadata:
    return read_metadata(Fake(tags or {}, gps or {}, details or {}), (4, 3), "JPEG")


def test_a_camera_file_tells_camera_moment_and_place() -> None:
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model] = "NIKON CORPORATION", "NIKON D90"
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2008:10:22 16:28:39"
    exif.get_ifd(IFD.GPSInfo).update(
        {
            GPS.GPSLatitudeRef: "S",
            GPS.GPSLatitude: (43.0, 28.0, 2.814),
            GPS.GPSLongitudeRef: "E",
            GPS.GPSLongitude: (11.0, 53.0, 6.456),
        }
    )
    metadata = decode(encoded(scene(), "JPEG", exif=exif), spec(), LIMITS).metadata
    assert metadata.camera == "NIKON D90"
    assert metadata.taken_at == datetime(2008, 10, 22, 16, 28, 39)
    assert metadata.latitude == pytest.approx(-43.467448, abs=1e-5)
    assert metadata.longitude == pytest.approx(11.885126, abs=1e-5)


def test_a_picture_without_exif_has_size_and_format_only() -> None:
    metadata = decode(encoded(scene()), spec(), LIMITS).metadata
    assert metadata == MediaMetadata(160, 120, "PNG")


@pytest.mark.parametrize(
    ("maker", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("Sony\0\0\0", "  DSC \x07 1 ", "Sony DSC 1"),
        (b"Leica", None, "Leica"),
        (None, "X" * 500, "X" * 120),
        (7, (1, 2), None),
        ("", "\0", None),
    ],
)
def test_camera_is_one_clean_line(maker: object, model: object, camera: str | None) -> None:
    assert of({Base.Make: maker, Base.Model: model}).camera == camera


@pytest.mark.parametrize(
    "value",
    [
        "0000:00:00 00:00:00",
        "2020:13:01 00:00:00",
        "2020:02:30 00:00:00",
        "9999:01:01 00:00:00",
        "0001:01:01 00:00:00",
        "    :  :     :  :  ",
        "yesterday",
        "",
        b"\xff\xfe\x00",
        1234,
        None,
        ("2020:01:01 00:00:00",),
    ],
)
def test_an_absurd_date_is_no_date(value: object) -> None:
    assert of(details={Base.DateTimeOriginal: value}).taken_at is None


@pytest.mark.parametrize(
    "value",
    ["2020:05:06 07:08:09", b"2020:05:06 07:08:09\0", "2020-05-06T07:08:09+02:00"],
)
def test_usual_spellings_of_a_date_are_read(value: object) -> None:
    expected = datetime(2020, 5, 6, 7, 8, 9)
    assert of(details={Base.DateTimeOriginal: value}).taken_at == expected


def test_the_next_best_date_is_taken_when_the_first_is_absurd() -> None:
    metadata = of({Base.DateTime: "2011:01:02 03:04:05"}, details={Base.DateTimeOriginal: "?"})
    assert metadata.taken_at == datetime(2011, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    "latitude",
    [
        (IFDRational(1, 0), IFDRational(0, 0), 0.0),
        (float("nan"), 0.0, 0.0),
        (float("inf"), 0.0, 0.0),
        (91.0, 0.0, 0.0),
        (-5.0, 0.0, 0.0),
        ("43", "x", "1"),
        (),
        (1, 2, 3, 4),
        "43",
        b"\x01\x02",
        43.5,
        None,
        (None, None, None),
        (10**400, 1, 1),
    ],
)
def test_a_garbled_position_is_no_position(latitude: object) -> None:
    gps = {GPS.GPSLatitude: latitude, GPS.GPSLongitude: (11.0, 0.0, 0.0)}
    metadata = of(gps=gps)
    assert (metadata.latitude, metadata.longitude) == (None, None)


def test_zero_zero_counts_as_no_fix() -> None:
    zero = (0.0, 0.0, 0.0)
    assert of(gps={GPS.GPSLatitude: zero, GPS.GPSLongitude: zero}).latitude is None
    assert of(gps={GPS.GPSLatitude: zero, GPS.GPSLongitude: (1.0,)}).latitude == 0


@pytest.mark.parametrize("reference", ["W", "w", b"W\0", "West"])
def test_west_is_negative_however_it_is_written(reference: object) -> None:
    gps = {GPS.GPSLatitude: (1.0,), GPS.GPSLongitude: (2.0, 30.0)}
    assert of(gps={**gps, GPS.GPSLongitudeRef: reference}).longitude == -2.5


def test_an_exif_block_of_noise_costs_nothing_but_the_metadata() -> None:
    noise = b"Exif\0\0II*\0" + bytes(range(256)) * 8
    metadata = decode(encoded(scene(), "JPEG", exif=noise), spec(), LIMITS).metadata
    assert (metadata.width, metadata.height) == (160, 120)


def test_a_directory_that_raises_is_an_empty_one() -> None:
    class Broken(Fake):
        def getexif(self) -> Image.Exif:
            exif = super().getexif()

            def broken(_: int) -> dict[int, object]:
                raise KeyError("garbage")

            exif.get_ifd = broken  # type: ignore[method-assign]
            return exif

    assert read_metadata(Broken({Base.Make: "A"}), (4, 3), "JPEG").camera == "A"
