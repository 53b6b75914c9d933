"""The doctor: each thing that can be wrong is found, told in one line, and ends no other check."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmsearch.config import Settings, load_settings
from mmsearch.engine import doctor
from mmsearch.engine.doctor import Diagnosis, Level, diagnose
from mmsearch.errors import ModelError
from mmsearch.types import Embeddings, ImageTensor
from tests.fakes import FakeDualEncoder, FakeModels
from tests.photos import fake_library, photo

SUBJECTS = ["python", "packages", "processor", "gpu", "formats", "limits"]
SUBJECTS += ["home", "cache", "model", "index"]


@pytest.fixture
def settings(home: Path, tmp_path: Path) -> Settings:
    return load_settings(home=home, cache=tmp_path / "cache")


def of(subject: str, settings: Settings, models: FakeModels | None = None) -> list[Diagnosis]:
    found = list(diagnose(settings, models or FakeModels()))
    assert not [one for one in found if "\n" in one.says + one.advice]
    assert list(dict.fromkeys(one.subject for one in found)) == SUBJECTS
    return [one for one in found if one.subject == subject]


def make_index(home: Path, photos: Path, name: str = "default") -> Path:
    photo(photos / "a.png")
    with fake_library(home, index=name) as library:
        library.index(photos)
    return home / "indexes" / name / "catalogue.sqlite3"


def set_schema(file: Path, schema: int) -> None:
    raw = sqlite3.connect(file)
    raw.execute(f"PRAGMA user_version = {schema}")
    raw.close()


def test_here_all_is_well(settings: Settings, home: Path, photos: Path) -> None:
    make_index(home, photos)
    found = list(diagnose(settings, FakeModels()))
    assert {one.level for one in found} <= {Level.OK, Level.NOTE}
    [python] = [one for one in found if one.subject == "python"]
    assert python.says.startswith(f"Python {sys.version_info[0]}.{sys.version_info[1]}")
    [model] = [one for one in found if one.subject == "model"]
    assert model.says.startswith("fake (")


def test_nothing_is_made_by_looking(settings: Settings, home: Path) -> None:
    [index] = of("index", settings)
    assert (index.level, index.says) == (Level.OK, "none yet")
    assert not home.exists()


def test_the_limits_in_force_are_told_with_their_settings(home: Path) -> None:
    given = load_settings(home=home, decode_workers=2, decode_memory_mb=700, max_megapixels=90)
    [limits] = of("limits", given)
    assert limits.says.startswith(
        "a picture may take 700 MB (decode_memory_mb), 90 megapixels (max_megapixels) and 60 s "
        "(decode_timeout_s), for 2 at a time (decode_workers) on "
    )


def test_workers_that_may_exhaust_the_memory_together_are_a_note(home: Path) -> None:
    [limits] = of("limits", load_settings(home=home, decode_workers=256, decode_memory_mb=1 << 20))
    assert limits.level is Level.NOTE
    assert "fewer decode_workers" in limits.advice


def test_indexes_are_told_with_their_schema(settings: Settings, home: Path, photos: Path) -> None:
    make_index(home, photos, "sound")
    set_schema(make_index(home, photos, "newer"), 99)
    older = make_index(home, photos, "older")
    set_schema(older, 1)
    bad = make_index(home, photos, "bad")
    bad.write_bytes(b"\xff" * 8192)
    before = older.read_bytes()
    found = {one.says.split(",")[0]: one for one in of("index", settings)}
    assert found["sound"].level is Level.OK
    assert (found["newer"].level, found["newer"].advice) == (Level.PROBLEM, "upgrade mmsearch")
    assert found["older"].level is Level.NOTE
    assert older.read_bytes() == before
    [damaged] = [one for one in found.values() if str(bad) in one.says]
    assert damaged.level is Level.PROBLEM
    assert damaged.advice == "restore a backup: 'mmsearch --index bad restore FOLDER'"


def test_a_model_that_gives_no_unit_vectors_is_a_problem(settings: Settings) -> None:
    class Long(FakeDualEncoder):
        def encode_images(self, images: ImageTensor) -> Embeddings:
            return super().encode_images(images) * np.float32(2)

    models = FakeModels()
    models.encoders["fake"] = Long()
    [model] = of("model", settings, models)
    assert model.level is Level.PROBLEM
    assert "embeddings of length 2, 1, not 1" in model.says


def test_a_model_that_cannot_be_loaded_is_a_problem(settings: Settings) -> None:
    class Missing(FakeModels):
        def load(self, name: str) -> FakeDualEncoder:
            raise ModelError(f"{name} has no weights")

    [model] = of("model", settings, Missing())
    assert (model.level, model.says) == (Level.PROBLEM, "fake has no weights")


def test_a_check_that_breaks_ends_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise ImportError("libcuda: no\nsuch symbol")

    monkeypatch.setattr("mmsearch.vectors.installation.faiss_version", broken)
    [packages] = of("packages", settings)
    assert packages.level is Level.PROBLEM
    assert packages.says == "ImportError: libcuda: no such symbol"


def test_a_missing_package_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package-here"))
    _, missing = of("packages", settings)
    assert (missing.level, missing.says) == (Level.PROBLEM, "no-such-package-here is missing")


@pytest.mark.parametrize(
    ("free", "level", "says"),
    [(10**10, Level.OK, "free"), (10**9, Level.NOTE, "little"), (10**7, Level.PROBLEM, "full")],
)
def test_room_on_the_disk(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, level: Level, says: str
) -> None:
    usage = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    [home] = of("home", settings)
    assert home.level is level
    assert says in home.says


def test_a_home_on_a_network_is_noted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "network_kind", lambda _: "nfs4")
    [home] = of("home", settings)
    assert home.level is Level.NOTE
    assert "on a network (nfs4)" in home.says


def test_a_home_that_cannot_be_written_is_a_problem(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "write_problem", lambda _: "permission denied")
    [home] = of("home", settings)
    assert home.level is Level.PROBLEM
    assert "--home or MMSEARCH_HOME" in home.advice


def test_without_a_gpu_torch_is_not_imported(settings: Settings) -> None:
    from mmsearch.runtime.cuda import may_have_cuda

    if may_have_cuda():
        pytest.skip("this machine has a GPU, of which torch is asked")
    code = (
        "import sys; from mmsearch.config import load_settings\n"
        "from mmsearch.engine.doctor import diagnose; from tests.fakes import FakeModels\n"
        "list(diagnose(load_settings(home=sys.argv[1], cache=sys.argv[1]), FakeModels()))\n"
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code, str(settings.home)], cwd=root, check=False)
    assert done.returncode == 0
