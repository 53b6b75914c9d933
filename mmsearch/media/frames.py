"""The bytes between the pool and its worker processes: length-prefixed, no pickles.

A job is a JSON header and a path or a file's bytes; a reply is a JSON header and what was made:
raw pixels or a JPEG. Unpickling would let a worker that decodes hostile files run code in the
parent; JSON cannot.
"""

from __future__ import annotations

import json
import os
import struct
from dataclasses import asdict, dataclass
from datetime import datetime
from io import RawIOBase
from pathlib import Path

from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.types import InputSpec, MediaMetadata, ResizeMode

READY = b"mmsearch"
"""What a worker writes first: it has started and can decode."""

_LENGTHS = struct.Struct("<II")
"""How long a header is and what follows it, in bytes."""


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What a worker needs to know once, at its start."""

    limits: DecodeLimits
    parent_pid: int


@dataclass(frozen=True, slots=True)
class Job:
    """What to read, and what to make of it.

    `source` is a file's path or its bytes. `output` is the input of a model, which gives its
    pixels `(h, w, 3)` uint8; or a number, which gives a JPEG of so many pixels at its longer side.
    """

    source: Path | bytes
    output: InputSpec | int

    @property
    def name(self) -> str:
        """The source in a few words, for logs."""
        if isinstance(self.source, Path):
            return str(self.source)
        return f"{len(self.source)} bytes"


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
    return WorkOrder(DecodeLimits(**fields["limits"]), fields["parent_pid"])


def pack_job(job: Job) -> bytes:
    """One job as bytes."""
    is_path = isinstance(job.source, Path)
    payload = os.fsencode(job.source) if isinstance(job.source, Path) else job.source
    output = job.output if isinstance(job.output, int) else asdict(job.output)
    header = json.dumps({"is_path": is_path, "output": output}).encode()
    return _LENGTHS.pack(len(header), len(payload)) + header + payload


def read_job(stream: RawIOBase) -> Job | None:
    """The next job, or None at the end of the stream."""
    parts = _read_parts(stream)
    if parts is None:
        return None
    header, payload = parts
    fields = json.loads(header)
    output = fields["output"]
    if not isinstance(output, int):
        output["resize_mode"] = ResizeMode(output["resize_mode"])
        output["fill"] = tuple(output["fill"])
        output = InputSpec(**output)
    data = bytes(payload)
    return Job(Path(os.fsdecode(data)) if fields["is_path"] else data, output)


def pack_reply(reply: Reply, payload_bytes: int) -> bytes:
    """A reply's header; what was made follows it on the stream."""
    fields = asdict(reply)
    if reply.metadata is not None and reply.metadata.taken_at is not None:
        fields["metadata"]["taken_at"] = reply.metadata.taken_at.isoformat()
    header = json.dumps(fields).encode()
    return _LENGTHS.pack(len(header), payload_bytes) + header


def read_reply(stream: RawIOBase) -> tuple[Reply, bytearray] | None:
    """The next reply and what was made, or None when the stream ended before it was whole."""
    parts = _read_parts(stream)
    if parts is None:
        return None
    header, payload = parts
    fields = json.loads(header)
    metadata = fields["metadata"]
    if metadata is not None:
        taken_at = metadata["taken_at"]
        metadata["taken_at"] = datetime.fromisoformat(taken_at) if taken_at else None
        fields["metadata"] = MediaMetadata(**metadata)
    return Reply(**fields), payload


def _read_parts(stream: RawIOBase) -> tuple[bytes, bytearray] | None:
    """A JSON header and the bytes that follow it."""
    head = read_exactly(stream, _LENGTHS.size)
    if head is None:
        return None
    header_bytes, payload_bytes = _LENGTHS.unpack(head)
    header = read_exactly(stream, header_bytes)
    payload = read_exactly(stream, payload_bytes)
    if header is None or payload is None:
        return None
    return bytes(header), payload


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
