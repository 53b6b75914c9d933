"""Whole training runs: what they leave behind, and that nothing is lost on the way."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from mmsearch.encoders.sources import resolve_model
from mmsearch.encoders.torch_model import load_torch_model
from mmsearch.errors import ConfigError
from mmsearch.training import EpochRecord, SilentTraining, TrainResult, train
from tests.integration.training.runs import small_config

ROOT = Path(__file__).resolve().parents[3]
WEIGHTS = "open_clip_model.safetensors"


class _Listener(SilentTraining):
    def __init__(self) -> None:
        self.messages: list[str] = []
        self.warnings: list[str] = []
        self.records: list[EpochRecord] = []

    def on_message(self, text: str) -> None:
        self.messages.append(text)

    def on_warning(self, text: str) -> None:
        self.warnings.append(text)

    def on_epoch(self, record: EpochRecord) -> None:
        self.records.append(record)


class _Interrupted(SilentTraining):
    """Ctrl-C in the third step; the state after the second is then on disk."""

    def on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        if step == 3:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def finished(
    training_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainResult, _Listener]:
    """An undisturbed run."""
    listener = _Listener()
    out = tmp_path_factory.mktemp("runs") / "plain"
    return train(small_config(training_data, out), listener), listener


def test_result_is_a_model_directory(finished: tuple[TrainResult, _Listener]) -> None:
    """open_clip itself and our loader load it, with equal weights."""
    import open_clip

    out = finished[0].out
    ours = load_torch_model(resolve_model(str(out), out)).model.state_dict()
    theirs = open_clip.create_model(f"local-dir:{out}", require_pretrained=True).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_run_is_written_down(finished: tuple[TrainResult, _Listener]) -> None:
    """Log, summary, curve and skipped pictures tell what happened; the state is gone."""
    result, listener = finished
    log = [json.loads(line) for line in (result.out / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log] == [0, 1, 2]
    assert set(log[0]["text_to_image"]) == {"R@1", "R@5", "R@10", "medR", "MRR"}
    assert [record.epoch for record in listener.records] == [0, 1, 2]
    summary = json.loads((result.out / "summary.json").read_text())
    assert summary["best_epoch"] == result.best_epoch
    assert summary["best"]["rsum"] == max(line["rsum"] for line in log)
    assert summary["n_skipped"] == 1
    skipped = json.loads((result.out / "skipped.jsonl").read_text())
    assert skipped["path"].endswith("missing.png")
    assert any("line 99" in line and "empty" in line for line in listener.warnings)
    assert any("missing.png" in line for line in listener.warnings)
    with Image.open(result.out / "curve.png") as curve:
        assert curve.format == "PNG"
    assert not (result.out / "checkpoint").exists()


def test_training_lowers_the_loss(finished: tuple[TrainResult, _Listener]) -> None:
    """The second epoch's loss is below the first's."""
    first, second = finished[0].epochs[1:]
    assert second.loss < first.loss


def test_finished_run_is_not_overwritten(
    training_data: Path, finished: tuple[TrainResult, _Listener]
) -> None:
    """The same command again is refused with a way out."""
    with pytest.raises(ConfigError, match="another --out"):
        train(small_config(training_data, finished[0].out))


def test_killed_run_goes_on_exactly(
    training_data: Path, finished: tuple[TrainResult, _Listener], tmp_path: Path
) -> None:
    """Killed within an epoch and resumed, the weights equal the undisturbed run's, bit for bit."""
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "tests.integration.training.runs"]
    killed = subprocess.run([*command, str(training_data), str(out), "6"], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (out / "checkpoint" / "state.pt").is_file()
    listener = _Listener()
    result = train(small_config(training_data, out), listener)
    assert any("going on in epoch" in message for message in listener.messages)
    assert _losses(result) == _losses(finished[0])
    resumed, plain = load_file(out / WEIGHTS), load_file(finished[0].out / WEIGHTS)
    assert all(torch.equal(resumed[name], plain[name]) for name in plain)


def test_other_settings_do_not_go_on(training_data: Path, tmp_path: Path) -> None:
    """An unfinished run is not continued under settings it was not started with."""
    config = replace(small_config(training_data, tmp_path / "out"), epochs=1)
    assert train(config, _Interrupted()).interrupted
    with pytest.raises(ConfigError, match="other settings"):
        train(replace(config, lr=1e-4))
    assert not train(replace(config, lr=1e-4, resume=False)).interrupted


@pytest.mark.parametrize("locked", ["visual.", "text."])
def test_locked_tower_stays(training_data: Path, tmp_path: Path, locked: str) -> None:
    """A locked tower's weights are those it came with; the other one learns (LiT)."""
    config = replace(
        small_config(training_data, tmp_path / "out"),
        lock_image=0 if locked == "visual." else -1,
        lock_text=0 if locked == "text." else -1,
    )
    assert train(config, _Interrupted()).interrupted
    before = load_file(training_data / "model" / WEIGHTS)
    state = torch.load(config.out / "checkpoint" / "state.pt", weights_only=True)
    after = state["model"]
    assert state["position"]["step"] == 2
    changed = {
        name for name in before if not torch.equal(before[name].float(), after[name].float())
    }
    assert not any(name.startswith(locked) for name in changed)
    other = "text." if locked == "visual." else "visual."
    assert sum(name.startswith(other) for name in changed) > 10


def test_locked_beginning_is_run_once(training_data: Path, tmp_path: Path) -> None:
    """What is kept of the locked beginning trains as the whole tower does, to half precision."""
    listeners = {name: _Listener() for name in ("kept", "whole")}
    losses = {}
    for name, listener in listeners.items():
        config = replace(
            small_config(training_data, tmp_path / name),
            lock_image=2,
            augment="none",
            dropout=False,
            amp="off",
            epochs=1,
            picture_cache_mb=8192 if name == "kept" else 0,
        )
        losses[name] = _losses(train(config, listener))
    said = {name: " ".join(listener.messages) for name, listener in listeners.items()}
    assert "locked beginning" in said["kept"]
    assert "locked beginning" not in said["whole"]
    assert losses["kept"] == pytest.approx(losses["whole"], abs=2e-3)


def test_random_start_from_a_definition(training_data: Path, tmp_path: Path) -> None:
    """An open_clip config alone is enough to train from; pictures need not be kept on disk."""
    folder = tmp_path / "definition"
    shutil.copytree(training_data / "model", folder)
    (folder / WEIGHTS).unlink()
    config = replace(
        small_config(training_data, tmp_path / "out"),
        model=str(folder / "open_clip_config.json"),
        epochs=1,
        chunk=None,
        picture_cache_mb=0,
    )
    result = train(config)
    assert (result.out / WEIGHTS).is_file()
    assert result.epochs[1].loss > 0


def test_two_processes_equal_one(training_data: Path, tmp_path: Path) -> None:
    """torchrun with two gloo processes learns what one process does with the whole batch."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = ["-m", "tests.integration.training.runs", str(training_data), str(tmp_path / "two")]
    subprocess.run([*command, *script, "both"], cwd=ROOT, check=True, capture_output=True)
    config = replace(small_config(training_data, tmp_path / "one"), dropout=False, amp="off")
    one = train(replace(config, chunk=0))
    lines = (tmp_path / "two" / "log.jsonl").read_text().splitlines()
    two = [json.loads(line) for line in lines]
    assert [line["loss"] for line in two] == pytest.approx(_losses(one), abs=1e-5)
    weights = [load_file(tmp_path / name / WEIGHTS) for name in ("one", "two")]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, atol=2e-3, rtol=2e-3, msg=name)


def _losses(result: TrainResult) -> list[float]:
    return [record.loss for record in result.epochs]
