"""A run from examples, or from captioned pictures, to a reranker's directory."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import torch

from mmsearch.encoders.sources import SHIPPED, resolve_model
from mmsearch.errors import ConfigError
from mmsearch.training.checkpoint import drop_state
from mmsearch.training.journal import write_skipped
from mmsearch.training.output import prepare_out
from mmsearch.training.reranker import journal
from mmsearch.training.reranker.config import DualData, RerankerTrainConfig
from mmsearch.training.reranker.device import chosen_device, computing
from mmsearch.training.reranker.dual_examples import DualModels, examples_from_dual
from mmsearch.training.reranker.examples import Examples
from mmsearch.training.reranker.language import LanguageStart, language_start
from mmsearch.training.reranker.learner import Source
from mmsearch.training.reranker.model import RerankerModel
from mmsearch.training.reranker.output import RerankerOutput
from mmsearch.training.reranker.records import RerankerListener, RerankerResult
from mmsearch.training.reranker.start import start_model
from mmsearch.training.reranker.states import keep_states
from mmsearch.training.reranker.trainer import RerankerTrainer, Setup
from mmsearch.training.reranker.twins import TokenRows, twin_tokens


def run_on_examples(
    examples: Examples,
    start: LanguageStart,
    config: RerankerTrainConfig,
    out: Path,
    listener: RerankerListener,
) -> RerankerResult:
    """See `mmsearch.training.reranker.train_reranker`."""
    config.check()
    examples.check()
    folder = prepare_out(out, listener, resume=True)
    if not config.resume:
        drop_state(folder)
    config = replace(config, network=start.network_config(config.network))
    _warn_of_grid(examples, config, listener)
    with computing(config.device, config.amp, parallel=config.parallel) as compute:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = RerankerModel(examples.reduction, config.network, config.frozen_layers)
        start_model(model, examples, start, config.dual_channels, config.seed)
        model.freeze()
        model.to(compute.device)
        listener.on_message("running the frozen part of the language encoder once")
        states = keep_states(model, examples.tokens, folder, compute)
        output = RerankerOutput(out, config, examples, start.tokenizer)
        source = Source(examples, states, start, _twins(examples, start, config))
        setup = Setup(config, source, output, folder, compute)
        result = RerankerTrainer(setup, model, listener).train()
    if not result.interrupted:
        journal.write_summary(result, config, examples)
        shutil.rmtree(folder)
    return result


def run_on_dual(
    data: DualData, config: RerankerTrainConfig, out: Path, listener: RerankerListener
) -> RerankerResult:
    """See `mmsearch.training.reranker.train_reranker_for`."""
    began = time.monotonic()
    config.check()
    data.check()
    source = resolve_model(data.model, data.cache_dir)
    language = language_start(source, resolve_model(SHIPPED, data.cache_dir))
    network = language.network_config(config.network)
    device = chosen_device(config.device)
    grid = (network.rows, network.columns)
    folder = prepare_out(out, listener, resume=config.resume)
    models = DualModels(source, language, device, grid, network.max_tokens)
    built = examples_from_dual(data, models, folder, listener)
    config = replace(config, resume=True, max_minutes=_time_left(config, began))
    result = run_on_examples(built.examples, language, config, out, listener)
    if not result.interrupted:
        write_skipped(out, built.skipped)
    return replace(result, skipped=built.skipped, seconds=time.monotonic() - began)


def _time_left(config: RerankerTrainConfig, began: float) -> float | None:
    """What is left of `max_minutes`: seeing the pictures counts, too.

    Raises:
        ConfigError: Nothing is.
    """
    if not config.max_minutes:
        return None
    taken = (time.monotonic() - began) / 60
    if taken >= config.max_minutes:
        raise ConfigError(
            f"training: the {config.max_minutes:g} minutes allowed went into looking at the "
            f"pictures ({taken:.2g}), none is left to learn: run again with more; what was seen "
            "is kept"
        )
    return config.max_minutes - taken


def _twins(
    examples: Examples, start: LanguageStart, config: RerankerTrainConfig
) -> tuple[TokenRows, ...]:
    """Each caption's twins, where they are an objective."""
    if not config.objectives.twins:
        return ()
    return twin_tokens(start, examples.tokens, config.network.max_tokens)


def _warn_of_grid(
    examples: Examples, config: RerankerTrainConfig, listener: RerankerListener
) -> None:
    """Averaging twice is averaging once only where each grid divides the one before."""
    have = (examples.reduction.rows, examples.reduction.columns)
    want = (config.network.rows, config.network.columns)
    if have[0] % want[0] or have[1] % want[1]:
        listener.on_warning(
            f"examples hold {have[0]} x {have[1]} cells, the reranker takes {want[0]} x {want[1]}: "
            "taps of a finer grid are averaged in another way when pictures are indexed"
        )
