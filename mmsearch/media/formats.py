"""Tells a picture's format by its first bytes, and opens it with that decoder alone.

Pillow's own `Image.open` tries every plugin, guesses, and answers "cannot identify" for a
damaged header; knowing the format first gives a true reason and keeps rare, weakly tested
decoders away from untrusted bytes.
"""

from __future__ import annotations

import importlib
import io
import struct
from collections.abc import Callable
from typing import cast

from PIL import ImageFile, features

from mmsearch.errors import MediaError

_PLUGINS = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIF": ("pillow_heif.as_plugin", "HeifImageFile"),
    "JPEG2000": ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "TGA": ("PIL.TgaImagePlugin", "TgaImageFile"),
}
_OPTIONAL = {"AVIF": "avif", "WEBP": "webp", "JPEG2000": "jpg_2000", "JPEG": "jpg", "PNG": "zlib"}
"""What Pillow may have been built without, by its own names."""

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"MM*\0", b"II\0*")
_TGA_DEPTHS = {1: (8, 16), 2: (15, 16, 24, 32), 3: (1, 8, 16)}
_TGA_DEPTHS |= {kind + 8: depths for kind, depths in _TGA_DEPTHS.items()}
"""Bits a pixel by the kind of picture: palette, colour, grey; from 9 on packed."""

_HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)
_WEBP_HEADER_BYTES = 30


def sniff(data: bytes) -> str | None:
    """Format name that the first bytes promise, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM"):
        return "BMP"
    if data.startswith(_TIFF_STARTS):
        return "TIFF"
    if data.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")):
        return "JPEG2000"
    return _sniff_boxes(data) or ("TGA" if _may_be_tga(data) else None)


def open_picture(data: bytes) -> ImageFile.ImageFile:
    """The picture's header, read; its pixels not yet decoded. `.format` names the format.

    Raises:
        MediaError: The bytes are no picture.
        Exception: Whatever the decoder raises at a damaged header.
    """
    if not data:
        raise MediaError("empty file")
    name = sniff(data)
    if name is None:
        raise MediaError("not a picture: no known format starts like this file")
    image = _factory(name)(io.BytesIO(data))
    image.format = name
    if name == "JPEG":
        # In one piece, which is `data` itself: at the end of each of Pillow's blocks of 64 KB
        # libjpeg falls back to its slow reader, and each is copied twice.
        image.decodermaxblock = len(data)
    return image


def check_decoder(name: str) -> None:
    """Pass when this installation decodes a format.

    Raises:
        MediaError: It has no decoder for it.
    """
    _factory(name)
    feature = _OPTIONAL.get(name)
    if feature is not None and not features.check(feature):
        raise MediaError(f"no decoder for {name} on this machine: Pillow was built without")


def detail(exc: BaseException) -> str:
    """A decoder's own words as the tail of one short line."""
    words = " ".join(_printable(str(exc)).split()) or type(exc).__name__
    return words if len(words) <= 120 else words[:119] + "…"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def webp_canvas(data: bytes) -> tuple[int, int] | None:
    """Width, height that a WebP header promises; its decoder allocates both before any check."""
    if len(data) < _WEBP_HEADER_BYTES or sniff(data) != "WEBP":
        return None
    chunk = data[12:16]
    if chunk == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        return width, int.from_bytes(data[27:30], "little") + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    return None


def _factory(name: str) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """The decoder class, imported when a file first needs it."""
    module, attribute = _PLUGINS[name]
    try:
        plugin = importlib.import_module(module)
    except ImportError as exc:
        raise MediaError(f"no decoder for {name} on this machine: {detail(exc)}") from exc
    return cast("Callable[[io.BytesIO], ImageFile.ImageFile]", getattr(plugin, attribute))


def _sniff_boxes(data: bytes) -> str | None:
    """AVIF or HEIF by the brands of an ISO base media file's first box."""
    if data[4:8] != b"ftyp":
        return None
    end = min(max(int.from_bytes(data[:4], "big"), 16), 256)
    brands = {data[8:12]} | {data[at : at + 4] for at in range(16, end - 3, 4)}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def _may_be_tga(data: bytes) -> bool:
    """Whether an 18-byte TGA header would be sound in every field; TGA has no signature."""
    if len(data) <= 18:
        return False
    colour_map, kind, map_depth, depth = data[1], data[2], data[7], data[16]
    width, height = struct.unpack_from("<HH", data, 12)
    return (
        colour_map in (0, 1)
        and depth in _TGA_DEPTHS.get(kind, ())
        and (kind not in (1, 9) or (colour_map == 1 and map_depth in _TGA_DEPTHS[2]))
        and data[17] & 0xC0 == 0
        and width > 0
        and height > 0
    )
