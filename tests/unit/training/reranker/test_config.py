"""Settings that cannot work are refused before anything heavy starts."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from mmsearch.errors import ConfigError
from mmsearch.training.reranker import Drawing, DualData, ObjectiveWeights, RerankerTrainConfig

_USUAL = RerankerTrainConfig()
_NOTHING = ObjectiveWeights(align=0, match=0, binary=0, twins=0, words=0, regions=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"lr": 0.0}, "lr is 0"),
        ({"language_lr": float("nan")}, "language_lr is nan"),
        ({"warmup": 1.0}, "warmup"),
        ({"drawing": Drawing(seeds=1)}, "seeds is 1"),
        ({"drawing": Drawing(temperature=0.0)}, "temperature"),
        ({"drawing": Drawing(word_dropout=1.0)}, "word_dropout"),
        ({"objectives": _NOTHING}, "nothing to learn"),
        ({"objectives": ObjectiveWeights(match=0)}, "need the pairs of 'match'"),
        ({"objectives": ObjectiveWeights(align=-1)}, "align is -1"),
        ({"network": replace(_USUAL.network, dropout=0.1)}, "dropout is 0.1"),
        ({"network": replace(_USUAL.network, width=100)}, "no multiple of 8 heads"),
        ({"network": replace(_USUAL.network, channels=200)}, "7200 bytes a picture"),
    ],
)
def test_refused(changes: dict[str, object], message: str) -> None:
    """The message names the setting."""
    _USUAL.check()
    with pytest.raises(ConfigError, match=message):
        replace(_USUAL, **changes).check()  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", [None, "drawing", "objectives", "network"])
def test_no_option_takes_what_is_no_number(part: str | None, value: float) -> None:
    """Each would make weights of no number, or a run without an end."""
    owner = _USUAL if part is None else getattr(_USUAL, part)
    names = [one.name for one in fields(owner) if "float" in str(one.type)]
    assert names
    for name in names:
        changed = replace(owner, **{name: value})
        config = changed if part is None else replace(_USUAL, **{part: changed})
        with pytest.raises(ConfigError, match=f"{name} is {value}"):
            config.check()


def test_data_settings_are_refused(tmp_path: Path) -> None:
    """The folder of pictures has to be there, and a picture is seen at least once."""
    data = DualData(tmp_path / "c.csv", tmp_path)
    data.check()
    for changes, message in (({"images": Path("nowhere")}, "no folder"), ({"views": 0}, "views")):
        with pytest.raises(ConfigError, match=message):
            replace(data, **changes).check()  # type: ignore[arg-type]


def test_fingerprint_is_of_what_decides_the_weights() -> None:
    """How often the state is saved does not matter, how it is learned does."""
    moved = replace(_USUAL, checkpoint_steps=9, parallel=False, resume=False)
    assert moved.fingerprint() == _USUAL.fingerprint()
    for changed in ({"seed": 1}, {"drawing": Drawing(seeds=3)}, {"device": "cpu"}):
        assert replace(_USUAL, **changed).fingerprint() != _USUAL.fingerprint()  # type: ignore[arg-type]
