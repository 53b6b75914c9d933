"""The number of pictures in a request, measured as batches come."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.runtime.measured_pass import PASS_SIZES, MeasuredPass

FIRST, LARGEST, CORES = PASS_SIZES[0], max(PASS_SIZES), 2
FULL = LARGEST * CORES


class Tower:
    """Stands for a tower: how long a picture takes depends on the size of its pass."""

    def __init__(self, seconds: dict[int, float]) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.sizes: list[int] = []

    def encode(self, measured: MeasuredPass, n: int = FULL) -> int:
        with measured.batch(n) as size:
            first_time = size not in self.sizes  # a new shape is slow, once
            self.sizes.append(size)
            self.now += n * self.seconds[size] + 100.0 * first_time
        return size


def learnt(tower: Tower, file: Path | None = None) -> MeasuredPass:
    """A measurement that has run to its end."""
    measured = MeasuredPass(file, CORES, lambda: tower.now)
    for _ in range(100):
        tower.encode(measured)
        if measured.chosen is not None:
            return measured
    raise AssertionError("nothing was chosen")


@pytest.mark.parametrize("fastest", PASS_SIZES)
def test_the_fastest_size_is_chosen_though_new_shapes_are_slow(fastest: int) -> None:
    tower = Tower({size: 0.8 if size == fastest else 1.0 for size in PASS_SIZES})
    measured = learnt(tower)
    assert measured.chosen == fastest
    assert tower.encode(measured) == fastest


def test_a_gain_within_the_noise_changes_nothing() -> None:
    """So that the choice does not flap between runs."""
    tower = Tower({size: 1.0 if size == FIRST else 0.99 for size in PASS_SIZES})
    assert learnt(tower).chosen == FIRST


def test_one_disturbed_batch_does_not_decide() -> None:
    tower = Tower({size: 0.8 if size == LARGEST else 1.0 for size in PASS_SIZES})
    measured = MeasuredPass(None, CORES, lambda: tower.now)
    while measured.chosen is None:
        if tower.encode(measured) == LARGEST and tower.sizes.count(LARGEST) == 1:
            with measured.batch(FULL) as size:
                tower.sizes.append(size)
                tower.now += FULL * 50.0
    assert size in PASS_SIZES
    assert measured.chosen == LARGEST


def test_the_choice_outlives_the_process(tmp_path: Path) -> None:
    tower = Tower({size: 0.5 if size == LARGEST else 1.0 for size in PASS_SIZES})
    learnt(tower, tmp_path / "image-1.json")
    assert MeasuredPass(tmp_path / "image-1.json", CORES).chosen == LARGEST


@pytest.mark.parametrize("batches", [2, 3, 15])
def test_runs_too_short_to_measure_all_sizes_learn_together(tmp_path: Path, batches: int) -> None:
    """Where each run began anew, a folder of 480 pictures never taught which size is best."""
    file = tmp_path / "image-1.json"
    for _ in range(40):
        tower = Tower({size: 0.5 if size == LARGEST else 1.0 for size in PASS_SIZES})
        measured = MeasuredPass(file, CORES, lambda tower=tower: tower.now)
        for _ in range(batches):
            tower.encode(measured)
        if measured.chosen is not None:
            break
    assert measured.chosen == LARGEST


@pytest.mark.parametrize("seconds", ['{"4": [1.0, "x"]}', '{"5": [1.0]}', '{"4": 1.0}', "[2]"])
def test_damaged_measurements_are_made_anew(tmp_path: Path, seconds: str) -> None:
    file = tmp_path / "image-1.json"
    file.write_text(f'{{"pictures_a_pass": null, "seconds": {seconds}}}', "utf-8")
    tower = Tower({size: 0.5 if size == LARGEST else 1.0 for size in PASS_SIZES})
    assert learnt(tower, file).chosen == LARGEST


@pytest.mark.parametrize("text", ["", "[]", '{"pictures_a_pass": 5}', '{"pictures_a_pass": "x"}'])
def test_a_damaged_file_is_measured_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "image-1.json"
    file.write_text(text, "utf-8")
    assert MeasuredPass(file, CORES).chosen is None
    tower = Tower({size: 0.5 if size == LARGEST else 1.0 for size in PASS_SIZES})
    learnt(tower, file)
    assert MeasuredPass(file, CORES).chosen == LARGEST


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_memory(tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("", "utf-8")
    tower = Tower({size: 0.5 if size == LARGEST else 1.0 for size in PASS_SIZES})
    assert learnt(tower, tmp_path / "no-folder" / "image-1.json").chosen == LARGEST


def test_small_batches_teach_nothing_and_keep_all_cores_at_work() -> None:
    """A question's one picture, the end of a run, a small --batch-size."""
    tower = Tower(dict.fromkeys(range(1, LARGEST + 1), 1.0))
    measured = MeasuredPass(None, CORES, lambda: tower.now)
    assert [tower.encode(measured, n) for n in (1, 2, 3, 7, 8, 20)] == [1, 1, 2, 4, 4, 4]
    assert measured.chosen is None
    tower = Tower({size: 0.5 if size == LARGEST else 1.0 for size in range(1, LARGEST + 1)})
    measured = learnt(tower)
    assert [tower.encode(measured, n) for n in (1, 20, FULL, 3 * FULL)] == [1, 10, LARGEST, LARGEST]


def test_a_batch_that_fails_is_not_measured() -> None:
    tower = Tower(dict.fromkeys(PASS_SIZES, 1.0))
    measured = MeasuredPass(None, CORES, lambda: tower.now)
    for _ in range(100):
        with pytest.raises(ValueError, match="no"), measured.batch(FULL):
            raise ValueError("no")
    assert measured.chosen is None
