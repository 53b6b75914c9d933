"""The loop: steps, validation after every so many, checkpoints on the way."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from mmsearch.errors import ConfigError
from mmsearch.training import order
from mmsearch.training.average import WeightAverage
from mmsearch.training.reranker import journal
from mmsearch.training.reranker.checkpoint import (
    Position,
    RunState,
    load_checkpoint,
    save_checkpoint,
)
from mmsearch.training.reranker.config import RerankerTrainConfig
from mmsearch.training.reranker.device import Compute
from mmsearch.training.reranker.examples import Pool
from mmsearch.training.reranker.learner import Learner, Objectives, Source
from mmsearch.training.reranker.model import RerankerModel
from mmsearch.training.reranker.output import RerankerOutput
from mmsearch.training.reranker.records import (
    Lift,
    Losses,
    RerankerListener,
    RerankerResult,
    RerankRecord,
)
from mmsearch.training.reranker.sampling import Sampler
from mmsearch.training.reranker.validation import Validator, measure
from mmsearch.training.schedule import rate_factor, share_done

_CHECKPOINT_S = 120.0
_VALIDATION_STEP = 1 << 30
"""The number of the first validation batch, far from all training steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What a run works with; `folder` holds its state while it is unfinished."""

    config: RerankerTrainConfig
    source: Source
    output: RerankerOutput
    folder: Path
    compute: Compute


class RerankerTrainer:
    """One run over given examples."""

    def __init__(self, setup: Setup, model: RerankerModel, listener: RerankerListener) -> None:
        self._setup = setup
        self._config = config = setup.config
        self._model = model
        self._listener = listener
        examples = setup.source.examples
        self._objectives = Objectives(config, model, setup.source, setup.compute)
        sampler = Sampler(examples, examples.train, config.drawing)
        learner = Learner(config, model, self._objectives, sampler, setup.compute)
        self._state = RunState(model, learner, WeightAverage(model, config.ema), {})
        self._val_sampler = Sampler(examples, (Pool(examples.val[0].pictures),), config.drawing)
        self._fingerprint = f"{config.fingerprint()} {examples.fingerprint}"
        self._began = self._saved = time.monotonic()
        self._latest = Position()

    def train(self) -> RerankerResult:
        """Train to the end, or to Ctrl-C; the last checkpoint is then gone on from."""
        position = self._first_position()
        interrupted = False
        final: tuple[Lift, ...] = ()
        try:
            while position.step < self._config.steps and not self._out_of_time(position):
                position = self._step(position)
            if position.losses:
                position = self._validate(position)
            final = self._finish(position)
        except KeyboardInterrupt:
            self._listener.on_message("interrupted: run the same command again to go on")
            interrupted, position = True, self._latest
        return RerankerResult(
            out=self._setup.output.out,
            best=_best(position.records),
            records=position.records,
            final=final,
            seconds=time.monotonic() - self._began,
            interrupted=interrupted,
        )

    def _first_position(self) -> Position:
        """Where the run goes on, or its beginning with the start validated."""
        setup = self._setup
        position = load_checkpoint(setup.folder, self._state, self._fingerprint, setup.compute)
        if position is None:
            return self._validate(Position())
        self._listener.on_message(f"going on after step {position.step}")
        self._began = time.monotonic() - position.elapsed_s
        self._latest = position
        return position

    def _step(self, position: Position) -> Position:
        """The position after one more step, validated and saved where it is time."""
        started = time.monotonic()
        self._set_rate(position)
        views = len(self._setup.source.examples.cells)
        losses = self._state.learner.step(position.step, views)
        if any(not abs(value) < float("inf") for _, value in losses.named()):
            raise ConfigError(
                f"training: the loss of step {position.step + 1} is not finite: lower lr, or use "
                "--no-amp"
            )
        self._state.average.update()
        position = replace(
            position,
            step=position.step + 1,
            losses=(*position.losses, losses),
            elapsed_s=time.monotonic() - self._began,
            record_s=position.record_s + time.monotonic() - started,
        )
        self._listener.on_step(position.step, self._config.steps, losses)
        if position.step % self._config.validate_steps == 0:
            return self._validate(position)
        self._save_sometimes(position)
        return position

    def _validate(self, position: Position) -> Position:
        """The position with one more record; the best weights become the model directory."""
        started = time.monotonic()
        with self._state.average.applied():
            self._model.eval()
            record = RerankRecord(
                step=position.step,
                loss=Losses.mean(position.losses),
                val_loss=self._val_loss(),
                lr=self._config.lr * self._factor(position) if position.step else 0.0,
                seconds=position.record_s + time.monotonic() - started,
                lifts=self._measure(self._config.val_queries),
            )
            records = (*position.records, record)
            if _best(records) is record:
                self._state.best.update(self._projection())
                self._setup.output.write(self._model, record.lift)
        self._listener.on_record(record)
        elapsed_s = time.monotonic() - self._began
        position = Position(step=position.step, elapsed_s=elapsed_s, records=records)
        journal.write_log(self._setup.output.out, records)
        journal.write_curve(self._setup.output.out, records)
        self._save(position)
        return position

    def _finish(self, position: Position) -> tuple[Lift, ...]:
        """What the written weights bring, asked by more queries; that is written with them."""
        self._listener.on_message("measuring what was written")
        self._setup.output.read(self._model, self._state.best)
        lifts = self._measure(self._config.final_queries)
        self._setup.output.finish(self._model, lifts, _best(position.records).step)
        return lifts

    def _measure(self, queries: int) -> tuple[Lift, ...]:
        """The lift on each validation set, asked by at most so many queries a direction."""
        examples, config = self._setup.source.examples, self._config
        validators = [
            Validator(examples, part, config.depth, queries, config.seed) for part in examples.val
        ]
        return measure(validators, self._model, self._setup.source.states, self._setup.compute)

    def _val_loss(self) -> Losses:
        """Mean losses over batches of the first set, the same ones each time."""
        seed = self._config.seed

        def run(number: int) -> Losses:
            at = (seed, _VALIDATION_STEP, number)
            generator = torch.Generator().manual_seed(order.dropout_seed(at, 0))
            with torch.no_grad():
                return self._objectives.of(self._val_sampler.draw(at, 1), generator)[1]

        return Losses.mean(self._setup.compute.each(run, range(self._config.val_batches)))

    def _projection(self) -> dict[str, Tensor]:
        state = self._model.projection.state_dict()
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    def _save_sometimes(self, position: Position) -> None:
        every = self._config.checkpoint_steps
        late = time.monotonic() - self._saved > _CHECKPOINT_S
        if position.step % every == 0 if every else late:
            self._save(position)

    def _save(self, position: Position) -> None:
        save_checkpoint(self._setup.folder, self._state, position, self._fingerprint)
        self._saved = time.monotonic()
        self._latest = position

    def _set_rate(self, position: Position) -> None:
        """Set the learning rates of the step after `position`."""
        following = replace(position, step=position.step + 1)
        self._state.learner.set_rate(self._factor(following))

    def _factor(self, position: Position) -> float:
        """Factor on the peak rate in the last step of `position`."""
        steps, budget_s = self._config.steps, self._budget_s()
        share = share_done(position.step, steps, position.elapsed_s, budget_s)
        return rate_factor(share, self._config.warmup)

    def _out_of_time(self, position: Position) -> bool:
        budget_s = self._budget_s()
        return budget_s is not None and position.elapsed_s >= budget_s

    def _budget_s(self) -> float | None:
        return self._config.max_minutes * 60 if self._config.max_minutes else None


def _best(records: tuple[RerankRecord, ...]) -> RerankRecord:
    """The record of the highest score, the earliest of equals."""
    return max(records, key=lambda record: (record.score, -record.step))
