"""Real processes: two that write at once, and one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mmsearch.catalogue import Catalogue
from mmsearch.types import Modality
from mmsearch.vectors import FaissIndex, vector_path
from tests.catalogue_rows import DIM, make_space

ROUNDS, PER_ROUND = 30, 8
REPOSITORY = Path(__file__).resolve().parents[3]

WRITER = """
import sys
from pathlib import Path
from mmsearch.catalogue import CaptionEntry, Catalogue, CatalogueBatch
from mmsearch.types import Modality
from mmsearch.vectors import FaissIndex, vector_path
from tests.catalogue_rows import DIM, embeddings_of, make_space, new_file
path, rounds, per_round = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
space = make_space()
with Catalogue.open(path, create=True) as catalogue:
    root = catalogue.add_root(Path("/photos"))
    catalogue.add_space(space)
    for number in range(rounds):
        names = [f"{number}/{i}.jpg" for i in range(per_round)]
        files = tuple(new_file(name, name) for name in names)
        result = catalogue.apply(CatalogueBatch(root.root_id, files, space=space))
        entries = [CaptionEntry(f"caption {number}")]
        catalogue.add_captions(entries, space, embeddings_of([str(number)]))
        print(number, result.added, flush=True)
        if number % 5 == 4:
            index = FaissIndex.open(vector_path(path.parent, space, Modality.IMAGE), DIM)
            index.catch_up(catalogue.source(space, Modality.IMAGE))
            index.save()
    catalogue.remove_orphans()
"""


def start(path: Path, rounds: int = ROUNDS) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(rounds), str(PER_ROUND)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check_whole(path: Path, rounds: int) -> None:
    """Each file and caption is there once, and the vector index can be brought level."""
    space = make_space()
    with Catalogue.open(path) as catalogue:
        counts = catalogue.counts()
        assert (counts.roots, counts.captions) == (1, rounds)
        assert counts.files == counts.contents == rounds * PER_ROUND
        source = catalogue.source(space, Modality.IMAGE)
        assert source.count() == rounds * PER_ROUND
        index = FaissIndex.open(vector_path(path.parent, space, Modality.IMAGE), DIM)
        index.catch_up(source)
        assert len(index) == rounds * PER_ROUND


def test_processes_that_write_the_same_files_at_once_agree(tmp_path):
    """Creation, batches, captions and vector files all race; nothing doubles, nothing locks."""
    path = tmp_path / "catalogue.sqlite3"
    writers = [start(path) for _ in range(3)]
    added = 0
    for writer in writers:
        out, err = writer.communicate(timeout=120)
        assert writer.returncode == 0, err
        added += sum(int(line.split()[1]) for line in out.splitlines())
    assert added == ROUNDS * PER_ROUND
    check_whole(path, ROUNDS)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("after", [1, 7, 16])
def test_a_killed_run_loses_at_most_its_running_batch(tmp_path, after):
    path = tmp_path / "catalogue.sqlite3"
    writer = start(path, rounds=10_000)
    assert writer.stdout is not None
    for _ in range(after):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    printed = after + len(writer.communicate()[0].splitlines())
    with Catalogue.open(path) as catalogue:
        files = catalogue.counts().files
        assert files % PER_ROUND == 0
        assert files >= printed * PER_ROUND
        assert catalogue.source(make_space(), Modality.IMAGE).count() == files
    rounds = files // PER_ROUND + 2
    again = start(path, rounds)
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    check_whole(path, rounds)
