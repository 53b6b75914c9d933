"""The folder that a run writes to."""

from __future__ import annotations

import shutil
from pathlib import Path

from mmsearch.errors import ConfigError
from mmsearch.training.journal import SUMMARY
from mmsearch.training.records import RunListener

CHECKPOINT = "checkpoint"


def prepare_out(out: Path, listener: RunListener, *, resume: bool) -> Path:
    """Where `out` keeps the state of an unfinished run, which is gone on with where `resume`.

    Raises:
        ConfigError: `out` holds a finished run, or something else.
    """
    unfinished = out / CHECKPOINT
    if (out / SUMMARY).exists() and not unfinished.exists():
        raise ConfigError(f"{out} holds a finished run: choose another --out, or delete it")
    if out.exists() and not unfinished.exists() and any(out.iterdir()):
        raise ConfigError(f"{out} is not empty: choose another --out")
    if unfinished.exists() and not resume:
        listener.on_message(f"starting over: the unfinished run at {out} is dropped")
        shutil.rmtree(unfinished)
    unfinished.mkdir(parents=True, exist_ok=True)
    return unfinished
