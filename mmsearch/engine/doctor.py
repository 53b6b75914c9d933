"""What may keep mmsearch from working well on this machine, and what to do about it."""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.places import (
    free_bytes,
    network_kind,
    size_bytes,
    write_problem,
)
from mmsearch.errors import CatalogueError, MediaError, MmsearchError

if TYPE_CHECKING:
    from mmsearch.config import Settings
    from mmsearch.engine.model_choice import Models

OLDEST_PYTHON = (3, 11)
PACKAGES = ("numpy", "openvino", "torch", "open-clip-torch", "pillow", "pillow-heif", "sqlalchemy")
LOW_BYTES, TOO_LOW_BYTES = 2 * 10**9, 10**8
_MOST_SHARE = 0.75
"""Of the memory that decode workers may take together before the doctor says something."""
_TOLERANCE = 1e-3


class Level(StrEnum):
    """How much it matters."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was looked at, how it is, and what to do; no advice where nothing needs doing."""

    subject: str
    level: Level
    says: str
    advice: str = ""


def diagnose(settings: Settings, models: Models | None = None) -> Iterator[Diagnosis]:
    """All that was looked at, one after the other; no check ends the others.

    `models` replace the real ones in tests.
    """
    checks: tuple[tuple[str, Callable[[], Iterator[Diagnosis]]], ...] = (
        ("python", _python),
        ("packages", _packages),
        ("processor", _processor),
        ("gpu", _gpu),
        ("formats", _formats),
        ("limits", lambda: _limits(settings)),
        ("home", lambda: _place("home", settings.home, "--home or MMSEARCH_HOME")),
        ("cache", lambda: _place("cache", settings.cache, "MMSEARCH_CACHE")),
        ("model", lambda: _model(settings, models)),
        ("index", lambda: _indexes(settings)),
    )
    for subject, check in checks:
        try:
            yield from check()
        except Exception as exc:  # noqa: BLE001 - whatever breaks is what a doctor is to find
            says = " ".join(f"{type(exc).__name__}: {exc}".split())
            yield Diagnosis(subject, Level.PROBLEM, says, "install mmsearch anew")


def _python() -> Iterator[Diagnosis]:
    says = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    old = sys.version_info < OLDEST_PYTHON
    advice = f"take Python {'.'.join(map(str, OLDEST_PYTHON))} or newer" if old else ""
    yield Diagnosis("python", Level.PROBLEM if old else Level.OK, says, advice)


def _packages() -> Iterator[Diagnosis]:
    from mmsearch.vectors.installation import faiss_version

    names = [f"mmsearch {version('mmsearch')}", f"faiss {faiss_version()}"]
    missing = []
    for name in PACKAGES:
        try:
            names.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    yield Diagnosis("packages", Level.OK, ", ".join([*names, f"SQLite {sqlite3.sqlite_version}"]))
    for name in missing:
        yield Diagnosis("packages", Level.PROBLEM, f"{name} is missing", f"pip install {name}")


def _processor() -> Iterator[Diagnosis]:
    from mmsearch.runtime.compiled import available_cores
    from mmsearch.runtime.processor import processor

    found = processor()
    features = (*found.features, *(("bf16",) if found.bf16 else ()))
    cores = available_cores()
    says = f"{found.name}, {cores} core{'s' * (cores != 1)} ({', '.join(features) or 'no AVX2'})"
    slow = platform.machine().lower() in ("x86_64", "amd64") and "AVX2" not in features
    advice = "models run several times slower than with AVX2" if slow else ""
    yield Diagnosis("processor", Level.NOTE if slow else Level.OK, says, advice)


def _gpu() -> Iterator[Diagnosis]:
    from mmsearch.runtime.cuda import may_have_cuda

    if not may_have_cuda():
        yield Diagnosis("gpu", Level.OK, "none that an NVIDIA driver sees: models run on the CPU")
        return
    from mmsearch.runtime.cuda import torch_gpu
    from mmsearch.vectors.installation import faiss_gpus

    name, n_faiss = torch_gpu(), faiss_gpus()
    if name is None:
        says = "the driver sees a GPU, torch does not"
        yield Diagnosis("gpu", Level.NOTE, says, "install the torch that fits the driver's CUDA")
    else:
        faiss = "built without" if n_faiss is None else f"sees {n_faiss}"
        yield Diagnosis("gpu", Level.OK, f"{name}; FAISS {faiss}")


def _formats() -> Iterator[Diagnosis]:
    from mmsearch.media.formats import check_decoder

    for name in ("HEIF", "AVIF", "WEBP", "JPEG2000"):
        try:
            check_decoder(name)
        except MediaError as exc:
            advice = (
                "pip install --upgrade pillow pillow-heif, or such files are recorded as failed"
            )
            yield Diagnosis("formats", Level.PROBLEM, f"{name}: {exc}", advice)
        else:
            yield Diagnosis("formats", Level.OK, f"{name} can be decoded")


def _limits(settings: Settings) -> Iterator[Diagnosis]:
    """What one picture may take, and whether the workers together may take too much."""
    from mmsearch.media.decode_limits import limits_of
    from mmsearch.media.machine import memory_bytes

    limits, workers, memory = limits_of(settings), settings.decode_workers, memory_bytes()
    says = (
        f"a picture may take {limits.memory_mb:,} MB (decode_memory_mb), "
        f"{limits.max_pixels / 1e6:,.6g} megapixels (max_megapixels) and {limits.timeout_s:g} s "
        f"(decode_timeout_s), for {workers} at a time (decode_workers) "
        f"on {memory / 1e9:,.1f} GB of memory"
    )
    crowded = (limits.memory_mb << 20) * workers > memory * _MOST_SHARE
    advice = "big pictures may exhaust it: set fewer decode_workers" if crowded else ""
    yield Diagnosis("limits", Level.NOTE if crowded else Level.OK, says, advice)


def _place(subject: str, folder: Path, setting: str) -> Iterator[Diagnosis]:
    """A folder that is written to: what it is, and whether there is room."""
    used, free = size_bytes(folder), free_bytes(folder)
    says = f"{folder}, {used / 1e6:,.1f} MB, {free / 1e9:,.1f} GB free"
    problem, network = write_problem(folder), network_kind(folder)
    if problem is not None:
        advice = f"check its permissions, or choose another with {setting}"
        yield Diagnosis(subject, Level.PROBLEM, f"{says}: cannot be written ({problem})", advice)
    elif free < TOO_LOW_BYTES:
        yield Diagnosis(subject, Level.PROBLEM, f"{says}: the disk is full", "free some space")
    elif network is not None and subject == "home":
        advice = f"SQLite needs a local disk where several processes write: choose with {setting}"
        yield Diagnosis(subject, Level.NOTE, f"{says}, on a network ({network})", advice)
    elif free < LOW_BYTES:
        yield Diagnosis(subject, Level.NOTE, f"{says}: little is left", "free some space")
    else:
        yield Diagnosis(subject, Level.OK, says)


def _model(settings: Settings, models: Models | None) -> Iterator[Diagnosis]:
    """Whether the model is whole, and turns a word and a grey square into unit vectors."""
    import numpy as np

    from mmsearch.engine.encoder_models import EncoderModels

    known = models or EncoderModels(settings)
    name = settings.model or known.default_name()
    try:
        space = known.space(name)
        encoder = known.load(name)
        grey = np.full((1, space.input.height, space.input.width, 3), 128, dtype=np.uint8)
        rows = np.concatenate([encoder.encode_images(grey), encoder.encode_texts(["grey"])])
    except MmsearchError as exc:
        yield Diagnosis("model", Level.PROBLEM, str(exc), "see 'mmsearch models'")
        return
    says = f"{name} ({space.key}, {space.dim} dimensions)"
    norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    if rows.shape != (2, space.dim) or not (np.abs(norms - 1.0) <= _TOLERANCE).all():
        advice = f"remove {settings.cache}, so that it is exported anew; else install it anew"
        says += f": embeddings of length {', '.join(f'{norm:.3g}' for norm in norms)}, not 1"
        yield Diagnosis("model", Level.PROBLEM, says, advice)
    else:
        yield Diagnosis("model", Level.OK, f"{says} embeds a word and a picture")


def _indexes(settings: Settings) -> Iterator[Diagnosis]:
    from mmsearch.catalogue.copies import schema_of
    from mmsearch.catalogue.schema_version import SCHEMA_VERSION

    files = sorted((settings.home / "indexes").glob("*/catalogue.sqlite3"))
    if not files:
        yield Diagnosis("index", Level.OK, "none yet", "make one with 'mmsearch index PATH'")
    for file in files:
        name = file.parent.name
        try:
            schema = schema_of(file)
        except CatalogueError as exc:
            advice = f"restore a backup: 'mmsearch --index {name} restore FOLDER'"
            yield Diagnosis("index", Level.PROBLEM, str(exc), advice)
            continue
        says = f"{name}, {size_bytes(file.parent) / 1e6:,.1f} MB, schema {schema}"
        if schema > SCHEMA_VERSION:
            says += f", this mmsearch knows {SCHEMA_VERSION}"
            yield Diagnosis("index", Level.PROBLEM, says, "upgrade mmsearch")
        elif schema < SCHEMA_VERSION:
            advice = "it is upgraded when it is opened next"
            yield Diagnosis("index", Level.NOTE, f"{says}, now {SCHEMA_VERSION}", advice)
        else:
            yield Diagnosis("index", Level.OK, says)
