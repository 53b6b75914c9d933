"""What pool and worker tell each other arrives as it was sent."""

from __future__ import annotations

import io
import os
from datetime import datetime
from pathlib import Path

import pytest

from mmsearch.media import frames
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.media.frames import Job, Reply, WorkOrder
from mmsearch.types import InputSpec, MediaMetadata, ResizeMode

TAKEN_AT = datetime(2020, 1, 2, 3, 4, 5)
METADATA = MediaMetadata(3, 2, "JPEG", TAKEN_AT, 1.5, -2.25, "Kamera ✓")


class Dribble(io.BytesIO):
    """A stream that gives at most three bytes a read, as pipes may."""

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return super().readinto(buffer[:3])


def test_a_work_order_survives_the_command_line() -> None:
    order = WorkOrder(DecodeLimits(5, 6.5, 7), 42)
    assert frames.load_order(frames.dump_order(order)) == order


@pytest.mark.parametrize("name", [b"/a b/c.jpg", b"/caf\xe9\n.jpg", "/日本.jpg".encode()])
def test_paths_survive_whatever_their_bytes(name: bytes) -> None:
    job = Job(Path(os.fsdecode(name)), 320)
    stream = Dribble(frames.pack_job(job) * 2)
    assert [frames.read_job(stream) for _ in range(3)] == [job, job, None]


@pytest.mark.parametrize("data", [b"", b"\0\xff" * 1000])
def test_bytes_and_a_models_input_survive(data: bytes) -> None:
    job = Job(data, InputSpec(3, 4, ResizeMode.PAD, "bilinear", (1, 2, 3)))
    assert frames.read_job(Dribble(frames.pack_job(job))) == job


@pytest.mark.parametrize(
    ("reply", "pixels"),
    [
        (Reply("ab" * 32, 10, 20, METADATA, None), b"\1\2\3"),
        (Reply("ab" * 32, 10, 20, MediaMetadata(1, 1, "PNG"), None), b"\0" * 3),
        (Reply("", 0, 0, None, "not a picture"), b""),
    ],
)
def test_replies_survive(reply: Reply, pixels: bytes) -> None:
    sent = frames.pack_reply(reply, len(pixels)) + pixels
    assert frames.read_reply(Dribble(sent)) == (reply, bytearray(pixels))


def test_a_reply_cut_anywhere_is_none() -> None:
    sent = frames.pack_reply(Reply("d", 1, 2, METADATA, None), 4) + b"1234"
    assert all(frames.read_reply(io.BytesIO(sent[:cut])) is None for cut in range(len(sent)))
