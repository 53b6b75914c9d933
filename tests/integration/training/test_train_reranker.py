"""Whole training runs of rerankers: what they leave behind, and that nothing is lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from mmsearch.encoders import EncoderOptions, load_dual_encoder
from mmsearch.errors import ConfigError
from mmsearch.rerank import find_reranker, load_plain_cross_encoder
from mmsearch.training.reranker import train_reranker
from mmsearch.training.reranker.records import (
    Losses,
    RerankerResult,
    RerankRecord,
    SilentReranker,
)
from tests.integration.training.reranker_runs import small_run, train_on_toy
from tests.unit.training.reranker.toy import toy_config, toy_examples, toy_language

ROOT = Path(__file__).resolve().parents[3]
WEIGHTS = "reranker.safetensors"


class _Listener(SilentReranker):
    def __init__(self) -> None:
        self.messages: list[str] = []
        self.warnings: list[str] = []
        self.records: list[RerankRecord] = []

    def on_message(self, text: str) -> None:
        self.messages.append(text)

    def on_warning(self, text: str) -> None:
        self.warnings.append(text)

    def on_record(self, record: RerankRecord) -> None:
        self.records.append(record)


class _Interrupted(SilentReranker):
    """Ctrl-C in the third step; the state after the second is then on disk."""

    def on_step(self, step: int, steps: int, losses: Losses) -> None:
        if step == 3:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[RerankerResult, _Listener]:
    """An undisturbed run on toy examples."""
    listener = _Listener()
    return train_on_toy(tmp_path_factory.mktemp("runs") / "plain", listener), listener


def test_run_is_written_down(finished: tuple[RerankerResult, _Listener]) -> None:
    """Log, summary, curve and card tell what happened; the state is gone."""
    result, listener = finished
    log = [json.loads(line) for line in (result.out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [0, 4, 8]
    assert [record.step for record in listener.records] == [0, 4, 8]
    assert set(log[1]["val_loss"]) == {"align", "match", "binary", "twins", "words", "regions"}
    assert log[0]["loss"] == {}
    summary = json.loads((result.out / "summary.json").read_text())
    assert summary["best_step"] == result.best.step
    assert summary["n_train"] == 44
    card = (result.out / "README.md").read_text()
    assert "lxmert" in card
    assert "`toy`" in card
    with Image.open(result.out / "curve.png") as curve:
        assert curve.format == "PNG"
    assert not (result.out / "checkpoint").exists()


def test_best_is_kept(finished: tuple[RerankerResult, _Listener]) -> None:
    """The record with the highest R@1 of both ways; the final figures are of what was written."""
    result = finished[0]
    assert result.best.score == max(record.score for record in result.records)
    source = find_reranker(result.out)
    assert source is not None
    assert source.measured_lift == pytest.approx(result.final[0].points, abs=1e-3)
    assert source.fusion == result.final[0].fusion
    assert source.bank.texts.shape == (40, 12)
    assert source.space_digest == "ab" * 32


def test_finished_run_is_not_overwritten(finished: tuple[RerankerResult, _Listener]) -> None:
    with pytest.raises(ConfigError, match="another --out"):
        train_on_toy(finished[0].out)


def test_killed_run_goes_on_exactly(
    finished: tuple[RerankerResult, _Listener], tmp_path: Path
) -> None:
    """Killed between validations and resumed, the weights equal the undisturbed run's."""
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "tests.integration.training.reranker_runs", str(out), "7"]
    killed = subprocess.run(command, cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    listener = _Listener()
    result = train_on_toy(out, listener)
    assert "going on after step 6" in listener.messages
    assert [record.loss for record in result.records] == [
        record.loss for record in finished[0].records
    ]
    assert result.final == finished[0].final
    resumed, plain = load_file(out / WEIGHTS), load_file(finished[0].out / WEIGHTS)
    assert all(torch.equal(resumed[name], plain[name]) for name in plain)


def test_other_settings_do_not_go_on(tmp_path: Path) -> None:
    """An unfinished run is continued neither with other settings nor on other examples."""
    out, config = tmp_path / "out", replace(toy_config(), checkpoint_steps=1)
    examples, start = toy_examples(), toy_language()
    assert train_reranker(examples, start, config, out, _Interrupted()).interrupted
    assert find_reranker(out) is not None, "the start is there already"
    with pytest.raises(ConfigError, match="other settings"):
        train_reranker(examples, start, replace(config, lr=1e-4), out)
    with pytest.raises(ConfigError, match="other settings"):
        train_reranker(replace(examples, fingerprint="other"), start, config, out)
    again = train_reranker(examples, start, replace(config, lr=1e-4, resume=False), out)
    assert not again.interrupted


def test_second_arrangement_and_grid_warning(tmp_path: Path) -> None:
    """The same trainer serves `vilbert`; a grid that does not divide the examples' is told of."""
    network = replace(toy_config().network, arrangement="vilbert", rows=1, columns=2)
    config = replace(toy_config(), network=network, steps=2, dual_channels=0, ema=None)
    listener = _Listener()
    result = train_reranker(toy_examples(), toy_language(), config, tmp_path / "out", listener)
    assert result.best.step in (0, 2)
    assert listener.warnings == []
    network = replace(network, rows=2, columns=1)
    examples = toy_examples()
    examples = replace(examples, reduction=replace(examples.reduction, rows=4, columns=1))
    config = replace(config, network=replace(network, rows=3))
    train_reranker(examples, toy_language(), config, tmp_path / "other", listener)
    assert "4 x 1 cells, the reranker takes 3 x 1" in listener.warnings[0]


def test_time_budget_ends_a_run(tmp_path: Path) -> None:
    config = replace(toy_config(), steps=10_000, validate_steps=10_000, max_minutes=0.05)
    result = train_reranker(toy_examples(), toy_language(), config, tmp_path / "out")
    assert 0 < result.records[-1].step < 10_000
    assert result.final


def test_dual_encoder_gets_a_reranker_that_reads_its_pictures(
    training_data: Path, tmp_path: Path
) -> None:
    """From captioned pictures to a directory that scores codes of the dual encoder's own pass."""
    listener = _Listener()
    out = tmp_path / "out"
    result = small_run(training_data, out, listener)
    assert any("missing.png" in warning for warning in listener.warnings)
    assert len(result.skipped) == 1
    assert (out / "skipped.jsonl").is_file()
    source = find_reranker(out)
    assert source is not None
    options = EncoderOptions(cache_dir=tmp_path / "cache", device="cpu")
    encoder = load_dual_encoder(str(training_data / "model"), options, source.projection)
    assert source.space_digest == encoder.space.digest
    pictures = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    _, codes = encoder.encode_with_regions(pictures)
    assert np.unique(codes).size > 20
    scores = load_plain_cross_encoder(source).score(
        ["a red street", "a dog"], codes, np.array([[0, 0], [1, 2], [0, 1]])
    )
    assert np.isfinite(scores).all()


def test_interrupted_run_on_pictures_does_not_look_again(
    training_data: Path, tmp_path: Path
) -> None:
    """What the dual encoder saw is kept with the unfinished run."""
    out = tmp_path / "out"
    assert small_run(training_data, out, _Interrupted()).interrupted
    kept = {file: file.stat().st_mtime_ns for file in (out / "checkpoint").glob("dual-*")}
    assert len(kept) == 6
    again = small_run(training_data, out, _Interrupted())
    assert again.interrupted
    assert again.records[0].step == 0
    assert {file: file.stat().st_mtime_ns for file in kept} == kept


def test_time_that_only_sufficed_to_look_is_said_not_taken_for_a_run(
    training_data: Path, tmp_path: Path
) -> None:
    """Nothing was learned, so nothing is written; what was seen serves the next run."""
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match="none is left to learn"):
        small_run(training_data, out, SilentReranker(), max_minutes=1e-4)
    assert find_reranker(out) is None
    assert len(list((out / "checkpoint").glob("dual-*"))) == 6
    assert small_run(training_data, out, SilentReranker()).records[-1].step == 4
