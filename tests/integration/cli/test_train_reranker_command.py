"""`mmsearch train-reranker` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.rerank import find_reranker
from tests.integration.cli.command import Mmsearch
from tests.integration.cli.conftest import COLOURS, World, make_picture

_SMALL = (
    *("--steps", "2", "--validate-steps", "2", "--width", "32", "--language-layers", "1"),
    *("--region-layers", "0", "--cross-layers", "1", "--grid", "2", "--channels", "12"),
    *("--batch-pictures", "2", "--neighbours", "1", "--views", "1", "--depth", "5"),
    *("--frozen-layers", "1", "--workers", "1", "--val-fraction", "0.3"),
)


@pytest.fixture
def captioned(tmp_path: Path) -> Path:
    """A folder with `photos/` and `captions.csv` of three pictures a colour."""
    (tmp_path / "photos").mkdir()
    lines = ["file,caption"]
    for number in range(3):
        for colour in COLOURS:
            name = f"{colour}{number}.png"
            make_picture(tmp_path / "photos" / name, colour, number)
            lines.append(f"{name},a {colour} picture with a black ball")
    (tmp_path / "captions.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return tmp_path


def test_a_run_leaves_a_reranker(captioned: Path, mmsearch: Mmsearch) -> None:
    """JSON on stdout, one line a validation on stderr; the directory is a reranker."""
    out = captioned / "reranker"
    done = mmsearch.run(
        *("train-reranker", "captions.csv", "--images", "photos", "--out", out, "--json", *_SMALL)
    )
    assert done.code == 0, done.notes
    (told,) = done.objects()
    assert set(told) == {
        *("out", "best_step", "dual", "reranked", "measured_lift", "fusion", "skipped"),
        *("seconds", "interrupted"),
    }
    assert "text → image" in done.notes
    assert "step 2" in done.notes
    source = find_reranker(out)
    assert source is not None
    assert source.measured_lift == told["measured_lift"]
    again = mmsearch.run(
        *("train-reranker", "captions.csv", "--images", "photos", "--out", out, *_SMALL)
    )
    assert (again.code, again.text) == (2, "")
    assert "finished run" in again.notes


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("captions.csv", "--images", "nowhere"), 2, "no folder of pictures"),
        (("nothing.csv", "--images", "photos"), 1, "nothing.csv"),
        (("captions.csv", "--images", "photos", "--steps", "0"), 2, "steps is 0"),
        (("captions.csv", "--images", "photos", "--grid", "9"), 2, "9072 bytes a picture"),
        (("captions.csv", "--images", "photos", "--match", "0"), 2, "need the pairs of 'match'"),
        (("captions.csv", "--images", "photos", "--model", "no/such"), 1, "no/such"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], code: int, message: str, shared_world: World, tmp_path: Path
) -> None:
    """One line that says what is wrong; nothing is on stdout. Wrong settings are wrong usage."""
    name, *rest = arguments
    done = shared_world.mmsearch.run("train-reranker", name, *rest, "--out", tmp_path / "out")
    lines = [line for line in done.notes.splitlines() if "error" in line]
    assert (done.code, done.text) == (code, "")
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in done.notes


def test_missing_options_are_usage_errors(mmsearch: Mmsearch) -> None:
    done = mmsearch.run("train-reranker", "captions.csv", "--images", "photos")
    assert done.code == 2
    assert "--out" in done.notes
