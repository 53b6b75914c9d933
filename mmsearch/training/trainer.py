"""The loop: epochs of steps, validation after each, checkpoints on the way."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from mmsearch.encoders.model_directory import save_model_directory
from mmsearch.evaluation.metrics import retrieval_metrics
from mmsearch.evaluation.report import RetrievalMetrics
from mmsearch.training import groups, journal, order
from mmsearch.training.average import WeightAverage
from mmsearch.training.checkpoint import Position, load_checkpoint, save_checkpoint
from mmsearch.training.config import TrainConfig
from mmsearch.training.feed import Feed, Tables, embed_pictures
from mmsearch.training.network import Network
from mmsearch.training.pairs import Pairs, PairSet
from mmsearch.training.pictures import PictureStore
from mmsearch.training.prefix import split_tower
from mmsearch.training.records import EpochRecord, TrainListener, TrainResult
from mmsearch.training.schedule import rate_factor, share_done
from mmsearch.training.step import Learner, StepSettings
from mmsearch.training.views import ViewSettings, keep_views
from mmsearch.training.world import World

_CHECKPOINT_S = 120.0


class Trainer:
    """One process's side of a run."""

    def __init__(
        self,
        config: TrainConfig,
        network: Network,
        data: tuple[Pairs, PictureStore],
        world: World,
        listener: TrainListener,
    ) -> None:
        self._config = config
        self._network = network
        self._pairs, self._store = data
        self._world = world
        self._listener = listener
        self._folder = config.out / "checkpoint"
        towers = groups.find_towers(network.model)
        groups.lock(towers.image, config.lock_image)
        groups.lock(towers.text, config.lock_text)
        self._learner = Learner(network, self._optimizer(towers), world)
        self._average = WeightAverage(network.model, config.ema)
        self._feed = Feed(self._pairs.train, self._store, network, self._tables(towers))
        self._steps = order.steps_per_epoch(len(self._pairs.train), config.batch_size)
        self._began = time.monotonic()
        self._saved = self._began
        self._latest = Position()

    def train(self, started: float) -> TrainResult:
        """Train to the end, or to Ctrl-C; the last checkpoint is then gone on from.

        `started`, on the monotonic clock, is when the run began to decode: that counts, too.
        """
        position = self._first_position(started)
        interrupted = False
        try:
            while position.epoch <= self._config.epochs and not self._out_of_time(position):
                position = self._epoch(position)
        except KeyboardInterrupt:
            self._listener.on_message("interrupted: run the same command again to go on")
            interrupted = True
            position = self._latest
        best = _best(position.records)
        return TrainResult(
            out=self._config.out,
            best=best,
            epochs=position.records,
            skipped=self._pairs.skipped,
            seconds=time.monotonic() - self._began,
            interrupted=interrupted,
        )

    def _first_position(self, started: float) -> Position:
        """Where the run goes on, or its beginning with the model validated as it is."""
        fingerprint = self._config.fingerprint()
        self._began = started
        position = load_checkpoint(self._folder, self._learner, self._average, fingerprint)
        if position is None:
            self._listener.on_message(
                f"{len(self._pairs.train)} pictures to learn from, "
                f"{len(self._pairs.val)} to validate on, {self._steps} steps an epoch"
            )
            record = EpochRecord(0, 0.0, self._scale(), 0.0, 0.0, self._validate())
            elapsed_s = time.monotonic() - started
            position = self._keep(Position(elapsed_s=elapsed_s, records=(record,)), is_best=True)
        else:
            self._listener.on_message(
                f"going on in epoch {position.epoch} after step {position.step}"
            )
            self._began = started - position.elapsed_s
        self._latest = position
        return position

    def _epoch(self, position: Position) -> Position:
        """The position after the rest of an epoch, validated and saved."""
        began = time.monotonic() - position.epoch_s
        config, network = self._config, self._network
        network.set_mode(True, config.dropout, bool(config.train_batch_norm))
        batches = self._feed.batches(config, self._world, position.epoch, position.step)
        factor = 0.0
        for batch in batches:
            factor = self._set_rate(position)
            at = (config.seed, position.epoch, position.step)
            chunk = config.chunk or 0
            seed = order.dropout_seed(at, self._world.rank)
            settings = StepSettings(chunk, chunk * config.captions_per_image, seed)
            loss = self._learner.step(batch, settings)
            self._average.update()
            position = replace(
                position,
                step=position.step + 1,
                loss_sum=position.loss_sum + loss,
                elapsed_s=time.monotonic() - self._began,
                epoch_s=time.monotonic() - began,
            )
            self._listener.on_step(position.epoch, position.step, self._steps, loss)
            self._save_sometimes(position)
            if self._out_of_time(position):
                break
        return self._end_epoch(position, factor)

    def _end_epoch(self, position: Position, factor: float) -> Position:
        """Validate, keep the weights if they are the best, save."""
        self._world.share(self._network.model.buffers())
        record = EpochRecord(
            epoch=position.epoch,
            loss=position.loss_sum / max(1, position.step),
            scale=self._scale(),
            lr=self._config.lr * factor,
            seconds=position.epoch_s,
            metrics=self._validate(),
        )
        is_best = record.metrics.rsum > _best(position.records).metrics.rsum
        records = (*position.records, record)
        elapsed_s = time.monotonic() - self._began
        following = Position(position.epoch + 1, elapsed_s=elapsed_s, records=records)
        return self._keep(following, is_best=is_best)

    def _keep(self, position: Position, *, is_best: bool) -> Position:
        """Publish the newest record; the best weights become the model directory."""
        self._listener.on_epoch(position.records[-1])
        if self._world.leads:
            if is_best:
                with self._average.applied():
                    save_model_directory(self._network.loaded, self._config.out)
            journal.write_log(self._config.out, position.records)
            journal.write_curve(self._config.out, position.records)
            self._save(position)
        self._latest = position
        return position

    def _save_sometimes(self, position: Position) -> None:
        every = self._config.checkpoint_steps
        late = time.monotonic() - self._saved > _CHECKPOINT_S
        if position.step < self._steps and (position.step % every == 0 if every else late):
            if self._world.leads:
                self._save(position)
            self._saved = time.monotonic()

    def _save(self, position: Position) -> None:
        save_checkpoint(
            self._folder, self._learner, self._average, position, self._config.fingerprint()
        )
        self._saved = time.monotonic()

    def _set_rate(self, position: Position) -> float:
        """Set this step's learning rates; its factor on the peak is returned."""
        total = self._steps * self._config.epochs
        done = (position.epoch - 1) * self._steps + position.step + 1
        share = share_done(done, total, position.elapsed_s, self._budget_s())
        factor = rate_factor(self._world.agree(share), self._config.warmup)
        self._learner.set_rate(factor)
        return factor

    def _out_of_time(self, position: Position) -> bool:
        budget_s = self._budget_s()
        if budget_s is None:
            return False
        return self._world.agree(float(position.elapsed_s >= budget_s)) > 0

    def _budget_s(self) -> float | None:
        return self._config.max_minutes * 60 if self._config.max_minutes else None

    def _scale(self) -> float:
        return float(self._network.logit_scale.detach().exp())

    def _optimizer(self, towers: groups.Towers) -> torch.optim.Optimizer:
        config = self._config
        decay = (config.layer_decay, config.weight_decay)
        parameters = groups.rate_groups(
            [towers.image, towers.text], [self._network.logit_scale], config.lr, decay
        )
        return torch.optim.AdamW(parameters, betas=(0.9, 0.98), eps=1e-6)

    def _tables(self, towers: groups.Towers) -> Tables:
        """Embeddings of what a locked tower will never see otherwise."""
        network, pairs = self._network, self._pairs.train
        network.set_mode(False, False, False)
        images = texts = views = None
        if groups.learns(towers.image):
            views = self._views(towers.image)
        else:
            self._listener.on_message("embedding the pictures once, for the image tower is locked")
            images = embed_pictures(pairs, self._store, network)
        if not groups.learns(towers.text):
            texts = _text_table(pairs, network)
        return Tables(images, texts, views)

    def _views(self, image: list[groups.Named]) -> NDArray[np.float16] | None:
        """What the locked beginning of the image tower makes of the pictures, if that fits."""
        network, pairs = self._network, self._pairs.train
        sample = network.inputs(self._store.take(pairs.rows[:2]))
        split = split_tower(network, image, sample)
        if split is None:
            return None
        settings = ViewSettings(
            self._folder, self._config.seed, self._config.augment, self._config.views
        )
        limit = self._config.picture_cache_mb << 20
        if split.begin(sample)[0].numel() * 2 * settings.count * len(pairs) > limit:
            return None
        self._listener.on_message("running the locked beginning of the image tower once")
        self._learner.embed_images = split.end
        if not self._world.leads:  # the leading process writes, the others read
            self._world.wait()
        views = keep_views((pairs, self._store, network), split, settings, self._listener)
        if self._world.leads:
            self._world.wait()
        return views

    def _validate(self) -> RetrievalMetrics:
        """Metrics of the validation pictures with the weights that would be kept."""
        network, val = self._network, self._pairs.val
        network.set_mode(False, False, False)
        with self._average.applied():
            images = embed_pictures(val, self._store, network)
            texts = network.all_texts([text for texts in val.captions for text in texts])
        image_of_text = np.repeat(np.arange(len(val)), [len(texts) for texts in val.captions])
        return retrieval_metrics(
            images.cpu().numpy(), texts.cpu().numpy(), image_of_text.astype(np.int64)
        )


def _best(records: tuple[EpochRecord, ...]) -> EpochRecord:
    """The record of the highest rsum, the earliest of equals."""
    return max(records, key=lambda record: (record.metrics.rsum, -record.epoch))


def _text_table(pairs: PairSet, network: Network) -> torch.Tensor:
    """Embeddings `(number of text ids, d)` of all captions of a set, by text id."""
    by_id = {
        number: text
        for numbers, texts in zip(pairs.text_ids, pairs.captions, strict=True)
        for number, text in zip(numbers, texts, strict=True)
    }
    return network.all_texts([by_id[number] for number in range(len(by_id))])
