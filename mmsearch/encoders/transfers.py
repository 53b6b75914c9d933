"""Pictures on their way to a device: the next batch is copied while the present one is encoded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from mmsearch.types import ImageTensor


def on_device(images: ImageTensor, batch_size: int, device: torch.device) -> Iterator[torch.Tensor]:
    """Batches `(b, h, w, 3)` uint8 of pictures `(n, h, w, 3)`, on `device`, in order."""
    starts = range(0, len(images), batch_size)
    batches = (_contiguous(images[start : start + batch_size]) for start in starts)
    return _overlapped(batches, device) if device.type == "cuda" else _moved(batches, device)


def _contiguous(images: ImageTensor) -> torch.Tensor:
    """The pictures as a tensor; torch warns of memory that it must not write, so that is copied."""
    return torch.from_numpy(np.require(images, requirements=("C", "W")))


def _moved(batches: Iterator[torch.Tensor], device: torch.device) -> Iterator[torch.Tensor]:
    for batch in batches:
        yield batch.to(device)


def _overlapped(batches: Iterator[torch.Tensor], device: torch.device) -> Iterator[torch.Tensor]:
    """The batches by way of pinned memory and a stream of their own, one batch ahead."""
    copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch types it not
    ahead: tuple[torch.Tensor, torch.cuda.Event] | None = None
    for batch in batches:
        pinned = batch.pin_memory()  # stays until its copy is done: torch's allocator sees to it
        with torch.cuda.stream(copying):
            moved = pinned.to(device, non_blocking=True)
            done = copying.record_event()
        if ahead is not None:
            yield _arrived(*ahead)
        ahead = moved, done
    if ahead is not None:
        yield _arrived(*ahead)


def _arrived(moved: torch.Tensor, done: torch.cuda.Event) -> torch.Tensor:
    """A batch that the present stream may read: it waits for the copy, the processor does not."""
    encoding = torch.cuda.current_stream(moved.device)
    encoding.wait_event(done)
    moved.record_stream(encoding)
    return moved
