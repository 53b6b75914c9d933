"""A training run from its settings to a model directory."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mmsearch.datasets import CaptionData, read_captions
from mmsearch.encoders.sources import ModelSource, resolve_model
from mmsearch.encoders.torch_model import load_torch_model
from mmsearch.errors import ConfigError
from mmsearch.training import journal
from mmsearch.training.config import TrainConfig
from mmsearch.training.network import Network
from mmsearch.training.output import CHECKPOINT, prepare_out
from mmsearch.training.pairs import choose_pairs, find_candidates
from mmsearch.training.pictures import DecodeSettings, PictureStore, gather_pictures
from mmsearch.training.records import TrainListener, TrainResult
from mmsearch.training.trainer import Trainer
from mmsearch.training.world import World, join_world

logger = logging.getLogger(__name__)

_START = "start"

_CPU_GROUPS = 2
"""Groups of the image tower that learn on a CPU unless told otherwise: last block and head."""


def run_training(config: TrainConfig, listener: TrainListener) -> TrainResult:
    """See `mmsearch.training.train`."""
    config.check()
    data = read_captions(config.data)
    for row in data.bad_rows:
        listener.on_warning(f"{config.data} {row.where}: {row.reason}; left out")
    with join_world(config.device) as world:
        if config.batch_size % world.size:
            raise ConfigError(
                f"training: batch_size {config.batch_size} is no multiple of {world.size} processes"
            )
        if world.leads:
            prepare_out(config.out, listener, resume=config.resume)
        world.wait()
        return _run(config, data, listener, world)


def _run(
    config: TrainConfig, data: CaptionData, listener: TrainListener, world: World
) -> TrainResult:
    started = time.monotonic()
    source = _start(config, world)
    config = _resolved(config, world)
    network = Network(load_torch_model(source), world.device, config.amp)
    candidates = find_candidates(data, config)
    spec = network.loaded.input
    settings = DecodeSettings(spec, config.limits, config.decode_workers, config.picture_cache_mb)
    paths = candidates.paths(config.images)
    listener.on_message(f"decoding {len(paths)} pictures to {spec.width} x {spec.height}")
    with _pictures(paths, settings, config.out / CHECKPOINT, (listener, world)) as store:
        pairs = choose_pairs(candidates, store, config)
        for picture in pairs.skipped if world.leads else ():
            listener.on_warning(f"{picture.path}: {picture.reason}; left out")
        trainer = Trainer(config, network, (pairs, store), world, listener)
        result = trainer.train(started)
    if world.leads and not result.interrupted:
        journal.write_skipped(config.out, pairs.skipped)
        journal.write_summary(result, config, (len(pairs.train), len(pairs.val)))
        shutil.rmtree(config.out / CHECKPOINT)
    world.wait()
    return result


@contextmanager
def _pictures(
    paths: tuple[Path, ...],
    settings: DecodeSettings,
    folder: Path,
    told: tuple[TrainListener, World],
) -> Iterator[PictureStore]:
    """The decoded pictures; the leading process decodes, the others read what it kept."""
    listener, world = told
    if not world.leads:
        world.wait()
    store = gather_pictures(paths, settings, folder, listener)
    if world.leads:
        world.wait()
    try:
        yield store
    finally:
        store.close()


def _start(config: TrainConfig, world: World) -> ModelSource:
    """The model to start from; a random one is made once and kept for a resumed run."""
    file = Path(config.model)
    if file.suffix != ".json" or not file.is_file():
        return resolve_model(config.model, config.cache_dir)
    from mmsearch.encoders.random_start import random_start

    folder = config.out / CHECKPOINT / _START
    if world.leads and not (folder / "complete").exists():
        random_start(file, folder, config.seed)
        (folder / "complete").touch()
    world.wait()
    return resolve_model(str(folder), config.cache_dir)


def _resolved(config: TrainConfig, world: World) -> TrainConfig:
    """`config` with everything decided that it left open."""
    random = Path(config.model).suffix == ".json" and Path(config.model).is_file()
    batch_norm = random if config.train_batch_norm is None else config.train_batch_norm
    lock_image, chunk = config.lock_image, config.chunk
    on_cpu = world.device.type == "cpu"
    if lock_image is None:
        lock_image = _CPU_GROUPS if on_cpu and not random else -1
    if chunk is None:
        # A whole tower's activations of a big batch take gigabytes, those of its end do not.
        chunk = 32 if on_cpu and lock_image == -1 and not batch_norm else 0
    if batch_norm and chunk:
        raise ConfigError(
            "training: batch statistics, which a random start learns, cannot be learned in "
            "chunks: leave chunk out, or set train_batch_norm to false"
        )
    return replace(config, train_batch_norm=batch_norm, chunk=chunk, lock_image=lock_image)
