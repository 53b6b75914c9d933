"""Killed before any change that a restore makes on disk: the old index or the new one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from mmsearch.catalogue import Catalogue
from tests.integration.engine.upkeep import killed_restore
from tests.integration.engine.upkeep.filled import (
    answers,
    catalogue_file,
    filled_library,
    rows_of,
)
from tests.photos import fake_library, photo

ROOT = Path(__file__).resolve().parents[4]


def run(path: Path, backup: Path, number: int) -> int:
    """The exit code of a restore that dies before change `number`."""
    command = [sys.executable, "-m", killed_restore.__name__, str(path), str(backup), str(number)]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode


def test_a_kill_leaves_the_old_index_or_the_new_one(
    tmp_path: Path, home: Path, photos: Path
) -> None:
    backup = tmp_path / "backup"
    with filled_library(home, photos) as library:
        library.backup(backup)
        new = rows_of(catalogue_file(library)), answers(library)
        for number in range(3):
            photo(photos / f"later{number}.png", "red", 100 + number)
            library.index(photos)
        library.close()
        with Catalogue.open(catalogue_file(library)) as catalogue:
            catalogue.add_root(Path("/only/in/the/log"))
            shutil.copytree(home, tmp_path / "template")  # as a killed process would leave it
        old = rows_of(catalogue_file(library)), answers(library)
    assert old[0] != new[0]
    outcomes = []
    for number in range(1, 100):
        work = tmp_path / f"work{number}"
        shutil.copytree(tmp_path / "template", work)
        assert (work / "indexes/default/catalogue.sqlite3-wal").stat().st_size > 0
        code = run(work / "indexes/default/catalogue.sqlite3", backup, number)
        with fake_library(work) as library:
            found = answers(library)
            library.close()
            state = rows_of(catalogue_file(library)), found
            assert state in (old, new), f"after change {number}"
            outcomes.append("old" if state == old else "new")
            assert library.restore(backup).kept is not None
            assert answers(library) == new[1]
        if code == 0:
            break
        assert code == killed_restore.KILLED
    assert outcomes == sorted(outcomes, reverse=True)  # old, until it is new once and for all
    assert outcomes[-1] == "new"
    assert outcomes.count("old") >= 8
