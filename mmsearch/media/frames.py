"""The bytes between the pool and its worker processes: length-prefixed, no pickles.

A job is `key, path`; a reply is a JSON header and the raw pixels. Unpickling would let a worker
that decodes hostile files run code in the parent; JSON cannot.
"""

from __future__ import annotations

import json
import os
import struct
from dataclasses import asdict, dataclass
from datetime import datetime
from io import RawIOBase
from pathlib import Path

from mmsearch.media.limits import DecodeLimits
from mmsearch.types import InputSpec, MediaMetadata, ResizeMode

READY = b"mmsearch"
"""What a worker writes first: it has started and can decode."""

_JOB = struct.Struct("<I")
_REPLY = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What a worker needs to know once, at its start."""

    spec: InputSpec
    limits: DecodeLimits
    parent_pid: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What a worker says of one file; `digest` is empty when the file could not be read."""

    digest: str
    size_bytes: int
    mtime_ns: int
    metadata: MediaMetadata | None
    error: str | None


def dump_order(order: WorkOrder) -> str:
    """JSON of a work order, for the worker's command line."""
    return json.dumps(asdict(order))


def load_order(text: str) -> WorkOrder:
    """The work order in `text`."""
    fields = json.loads(text)
    spec = fields["spec"]
    spec["resize_mode"] = ResizeMode(spec["resize_mode"])
    spec["fill"] = tuple(spec["fill"])
    return WorkOrder(InputSpec(**spec), DecodeLimits(**fields["limits"]), fields["parent_pid"])


def pack_job(path: Path) -> bytes:
    """One job as bytes."""
    name = os.fsencode(path)
    return _JOB.pack(len(name)) + name


def read_job(stream: RawIOBase) -> Path | None:
    """The next job, or None at the end of the stream."""
    head = read_exactly(stream, _JOB.size)
    name = read_exactly(stream, _JOB.unpack(head)[0]) if head is not None else None
    return Path(os.fsdecode(bytes(name))) if name is not None else None


def pack_reply(reply: Reply, pixel_bytes: int) -> bytes:
    """A reply's header; its pixels follow it on the stream."""
    fields = asdict(reply)
    if reply.metadata is not None and reply.metadata.taken_at is not None:
        fields["metadata"]["taken_at"] = reply.metadata.taken_at.isoformat()
    header = json.dumps(fields).encode()
    return _REPLY.pack(len(header), pixel_bytes) + header


def read_reply(stream: RawIOBase) -> tuple[Reply, bytearray] | None:
    """The next reply and its pixels, or None when the stream ended before it was whole."""
    head = read_exactly(stream, _REPLY.size)
    if head is None:
        return None
    header_bytes, pixel_bytes = _REPLY.unpack(head)
    header = read_exactly(stream, header_bytes)
    pixels = read_exactly(stream, pixel_bytes)
    if header is None or pixels is None:
        return None
    fields = json.loads(bytes(header))
    metadata = fields["metadata"]
    if metadata is not None:
        taken_at = metadata["taken_at"]
        metadata["taken_at"] = datetime.fromisoformat(taken_at) if taken_at else None
        fields["metadata"] = MediaMetadata(**metadata)
    return Reply(**fields), pixels


def read_exactly(stream: RawIOBase, count: int) -> bytearray | None:
    """`count` bytes from an unbuffered stream, or None when it ends before."""
    buffer = bytearray(count)
    view = memoryview(buffer)
    while view:
        got = stream.readinto(view)
        if not got:
            return None
        view = view[got:]
    return buffer


def write_all(stream: RawIOBase, data: bytes | memoryview) -> None:
    """Write everything to an unbuffered stream."""
    view = memoryview(data).cast("B")
    while view:
        view = view[stream.write(view) :]
