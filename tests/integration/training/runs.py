"""Small training runs, and a module that runs one in a process of its own.

`python -m tests.integration.training.runs FOLDER OUT [KILL_AT]` trains; KILL_AT is the number of
the step after which the process kills itself, as the power might.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from mmsearch.training import SilentTraining, TrainConfig, train
from tests.fakes import COLOURS
from tests.tiny_model import build_tiny_model

N_PICTURES = 48


def make_data(folder: Path) -> Path:
    """`folder` with noisy pictures of plain colours, their captions, and the tiny model."""
    rng = np.random.default_rng(0)
    (folder / "pictures").mkdir(parents=True)
    lines = ["file,caption"]
    for number in range(N_PICTURES):
        name = list(COLOURS)[number % len(COLOURS)]
        noise = rng.normal(0, 30, (20, 30, 3))
        pixels = np.clip(np.array(COLOURS[name]) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / f"{number}.png")
        lines += [f"{number}.png,a {name} street", f"{number}.png,photo of {name} {number}"]
    lines += ["missing.png,a bicycle", "0.png,"]
    (folder / "captions.csv").write_text("\n".join(lines) + "\n", "utf-8")
    build_tiny_model(folder / "model")
    return folder


def small_config(folder: Path, out: Path) -> TrainConfig:
    """A run of a few seconds that uses what is easily lost in a kill: dropout, EMA, variation."""
    return TrainConfig(
        data=folder / "captions.csv",
        images=folder / "pictures",
        out=out,
        model=str(folder / "model"),
        cache_dir=folder / "cache",
        epochs=2,
        batch_size=8,
        chunk=4,
        views=2,
        amp="on",
        lr=2e-3,
        captions_per_image=2,
        val_fraction=0.3,
        ema=0.9,
        checkpoint_steps=1,
        decode_workers=1,
    )


class KilledAt(SilentTraining):
    """Ends its own process without a word after some steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Die when the time has come; the step itself is then not yet saved."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Train as the arguments say."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    config = small_config(folder, out)
    if len(sys.argv) > 3 and sys.argv[3] == "both":
        train(replace(config, dropout=False, amp="off", chunk=0))
    else:
        train(config, KilledAt(int(sys.argv[3])))


if __name__ == "__main__":
    main()
