"""Settings that cannot work are refused before anything heavy starts."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from mmsearch.errors import ConfigError
from mmsearch.training import TrainConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 1}, "batch_size is 1"),
        ({"lr": 0.0}, "lr is 0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"layer_decay": 1.5}, "layer_decay"),
        ({"warmup": 1.0}, "warmup"),
        ({"lock_image": -2}, "lock_image"),
        ({"lock_image": 0, "lock_text": 0}, "nothing to learn"),
        ({"chunk": 8, "train_batch_norm": True}, "in chunks"),
        ({"images": Path("nowhere")}, "no folder"),
    ],
)
def test_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    """The message names the setting."""
    config = TrainConfig(data=tmp_path / "c.csv", images=tmp_path, out=tmp_path / "out")
    config.check()
    with pytest.raises(ConfigError, match=message):
        replace(config, **changes).check()  # type: ignore[arg-type]


FLOATS = [one.name for one in fields(TrainConfig) if "float" in str(one.type)]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", FLOATS)
def test_no_option_takes_what_is_no_number(tmp_path: Path, name: str, value: float) -> None:
    """Each would make weights of no number, or a run without an end."""
    config = TrainConfig(data=tmp_path / "c.csv", images=tmp_path, out=tmp_path / "out")
    with pytest.raises(ConfigError, match=f"{name} is {value}"):
        replace(config, **{name: value}).check()  # type: ignore[arg-type]


def test_fingerprint_is_of_what_decides_the_weights(tmp_path: Path) -> None:
    """Where the result goes does not matter, how it is learned does."""
    config = TrainConfig(data=tmp_path / "c.csv", images=tmp_path, out=tmp_path / "out")
    moved = replace(config, out=tmp_path / "other", checkpoint_steps=9, decode_workers=7)
    assert moved.fingerprint() == config.fingerprint()
    assert replace(config, seed=1).fingerprint() != config.fingerprint()
