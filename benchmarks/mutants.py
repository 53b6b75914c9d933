"""Makes damaged pictures out of good ones: seeded, so that the same files come out each time."""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

MAX_SOURCE_BYTES = 300_000
_LIES_16 = (0, 1, 2, 0x7FFF, 0x8000, 0xFFFF)
_LIES_32 = (0, 1, 2, 30_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_JPEG_SEGMENT = re.compile(rb"\xff[\xc0-\xc3\xc4\xda\xdb\xdd\xe0-\xef]")


def write_mutants(folder: Path, sources: list[Path], count: int, seed: int) -> None:
    """Write `count` files, each a good one damaged in one way; ways and sources take turns.

    A file's name tells its source's ending, so that it is taken for what it was.
    """
    folder.mkdir(parents=True)
    rng = random.Random(seed)
    for number in range(count):
        source = sources[number % len(sources)]
        way = WAYS[number // len(sources) % len(WAYS)] if len(sources) < count else rng.choice(WAYS)
        other = rng.choice(sources).read_bytes()
        damaged = way(bytearray(source.read_bytes()), rng, other)
        name = f"{number:04d}-{way.__name__}-{source.stem}{source.suffix}"
        (folder / name).write_bytes(damaged)


def flip_bits(data: bytearray, rng: random.Random, _: bytes) -> bytes:
    """Up to 32 bits inverted, anywhere."""
    for _number in range(rng.randint(1, 32)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def overwrite_run(data: bytearray, rng: random.Random, _: bytes) -> bytes:
    """A run of bytes replaced by zeros, ones or noise."""
    at = rng.randrange(len(data))
    length = min(len(data) - at, rng.randint(1, 4096))
    filling = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
    data[at : at + length] = filling
    return bytes(data)


def cut(data: bytearray, rng: random.Random, _: bytes) -> bytes:
    """The end missing, or a piece out of the middle."""
    at = rng.randrange(1, len(data))
    if rng.random() < 0.5:
        return bytes(data[:at])
    return bytes(data[:at] + data[at + rng.randint(1, 2048) :])


def insert(data: bytearray, rng: random.Random, _: bytes) -> bytes:
    """Noise put in between, or a piece of the file once more."""
    at, length = rng.randrange(len(data)), rng.randint(1, 2048)
    piece = rng.randbytes(length) if rng.random() < 0.5 else data[at : at + length]
    return bytes(data[:at] + piece + data[at:])


def splice(data: bytearray, rng: random.Random, other: bytes) -> bytes:
    """The first half of one file, the second half of another."""
    share = rng.random()
    return bytes(data[: int(len(data) * share)] + other[int(len(other) * share) :])


def lie_in_the_header(data: bytearray, rng: random.Random, _: bytes) -> bytes:
    """One size, count or length of the format's header replaced by another, checksums right."""
    fields = _fields(data)
    if not fields:
        return flip_bits(data, rng, b"")
    at, form = rng.choice(fields)
    lies = _LIES_16 if struct.calcsize(form) == 2 else _LIES_32
    value = rng.choice((*lies, rng.getrandbits(8 * struct.calcsize(form))))
    struct.pack_into(form, data, at, value)
    if data.startswith(b"\x89PNG"):
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    return bytes(data)


WAYS: tuple[Callable[[bytearray, random.Random, bytes], bytes], ...] = (
    *(flip_bits, overwrite_run, cut, insert, splice),
    *(lie_in_the_header, lie_in_the_header),
)


def _fields(data: bytearray) -> list[tuple[int, str]]:
    """Places and `struct` forms of numbers in the header that say how much there is."""
    found: list[tuple[int, str]] = []
    if data.startswith(b"\x89PNG"):
        found = [(16, ">I"), (20, ">I")]
    elif data.startswith(b"\xff\xd8"):
        found = _jpeg_fields(data)
    elif data.startswith(b"GIF8"):
        found = [(6, "<H"), (8, "<H")]
    elif data.startswith(b"BM"):
        found = [(10, "<I"), (14, "<I"), (18, "<I"), (22, "<I"), (28, "<H"), (46, "<I")]
    elif data.startswith((b"II*\0", b"MM\0*")):
        found = _tiff_fields(data)
    elif data.startswith(b"RIFF"):
        found = [(4, "<I"), (16, "<I"), (24, "<H"), (26, "<H"), (28, "<H")]
    elif data[4:8] in (b"ftyp", b"jP  ") or data.startswith(b"\xff\x4f\xff\x51"):
        found = _box_fields(data)
    return [(at, form) for at, form in found if at + struct.calcsize(form) <= len(data)]


def _jpeg_fields(data: bytearray) -> list[tuple[int, str]]:
    """Lengths of segments; height and width in the frame header."""
    found = []
    for match in _JPEG_SEGMENT.finditer(data):
        found.append((match.end(), ">H"))
        if data[match.end() - 1] in (0xC0, 0xC1, 0xC2, 0xC3):
            found += [(match.end() + 3, ">H"), (match.end() + 5, ">H")] * 4
    return found


def _tiff_fields(data: bytearray) -> list[tuple[int, str]]:
    """Counts and values of the first directory's entries."""
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    if start + 2 > len(data):
        return []
    (count,) = struct.unpack_from(order + "H", data, start)
    places = [start + 2 + 12 * number for number in range(min(count, 40))]
    return [(place + part, order + "I") for place in places for part in (4, 8)]


def _box_fields(data: bytearray) -> list[tuple[int, str]]:
    """Box lengths, and sizes in `ispe` (HEIF, AVIF), `ihdr` and `SIZ` (JPEG 2000)."""
    found = []
    for name in (b"meta", b"iprp", b"ipco", b"iloc", b"iinf", b"ispe", b"mdat", b"ihdr", b"jp2c"):
        at = data.find(name)
        if at >= 4:
            found.append((at - 4, ">I"))
            if name == b"ispe":
                found += [(at + 8, ">I"), (at + 12, ">I")] * 3
            if name == b"ihdr":
                found += [(at + 4, ">I"), (at + 8, ">I")] * 2
    at = data.find(b"\xff\x4f\xff\x51")
    if at >= 0:
        found += [(at + part, ">I") for part in (8, 12, 16, 20, 24, 28)]
    return found
