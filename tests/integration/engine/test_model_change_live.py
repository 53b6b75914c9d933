"""Threads ask all the time while another process changes the model there and back."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.records import Answer, CaptionAnswer, IndexOptions
from mmsearch.engine.request import QueryOptions, QueryRequest
from mmsearch.engine.upkeep.model_records import MigrationOptions
from tests.fakes import COLOURS, FakeModels
from tests.model_changes import two_models
from tests.photos import fake_library, media_id, photo

ROOT = Path(__file__).resolve().parents[3]
THREADS = 5
CHANGING = """
import sys, time
from pathlib import Path
from mmsearch.engine.upkeep.model_records import MigrationOptions
from tests.model_changes import two_models
from tests.photos import fake_library

with fake_library(Path(sys.argv[1]), two_models(), batch_size=2) as library:
    for round in range(4):
        time.sleep(0.3)
        assert library.migrate(MigrationOptions("other")).is_default
        time.sleep(0.3)
        assert library.rollback_model().model == "fake"
        time.sleep(0.3)
        assert library.drop_space().model == "other"
"""

KILLED = """
import sys, time
from pathlib import Path
from mmsearch.engine.upkeep.model_records import MigrationOptions
from tests.fakes import FakeDualEncoder
from tests.model_changes import two_models
from tests.photos import fake_library

class Slow(FakeDualEncoder):
    def encode_images(self, images):
        print("encoding", flush=True)
        time.sleep(0.02)
        return FakeDualEncoder.encode_images(self, images)

models = two_models()
models.encoders["other"] = Slow(models.space("other"), weights=(1.0, 0.3, 0.6))
with fake_library(Path(sys.argv[1]), models, batch_size=1) as library:
    library.migrate(MigrationOptions("other"))
"""


@pytest.fixture
def models() -> FakeModels:
    """Two models that score differently."""
    return two_models()


@pytest.fixture
def album(library: Library, photos: Path, tmp_path: Path) -> Path:
    """Thirty pictures with a caption each, indexed with "fake"."""
    names = list(COLOURS)
    for number in range(30):
        photo(photos / f"{number}.png", names[number % len(names)], number)
    rows = [f"{n}.png,a {names[n % len(names)]} picture number {n}" for n in range(30)]
    table = tmp_path / "captions.csv"
    table.write_text("\n".join(["file,caption", *rows]) + "\n", "utf-8")
    library.index(photos, IndexOptions(captions=(table,)))
    return photos


Found = Answer | CaptionAnswer


def questions(library: Library, album: Path) -> list[tuple[QueryRequest, bool]]:
    """All kinds of them, each to pictures and to captions."""
    like = media_id(library, album / "3.png")
    prepared = library.prepare_picture(photo(album.parent / "new.png", "cyan", 9).read_bytes())
    options: list[tuple[str | None, QueryOptions]] = [
        *[(colour, QueryOptions(k=30)) for colour in COLOURS],
        ("red", QueryOptions(plus=["blue:0.5"], minus=["green"], k=20)),
        ("green", QueryOptions(under=album, k=7, offset=5)),
        (None, QueryOptions(like=like, k=9)),
        (None, QueryOptions(image=prepared, k=9)),
        (None, QueryOptions(image=album / "4.png", k=9)),
    ]
    requests = [QueryRequest.of(text, option) for text, option in options]
    return [(request, captions) for request in requests for captions in (False, True)]


def ask(library: Library, request: QueryRequest, captions: bool) -> Found:
    return library.answer_captions(request) if captions else library.answer(request)


def of_no_generation(answer: Found) -> Found:
    """The answer as it compares with that of another state of the index."""
    return replace(answer, generation=0)


def test_no_question_fails_and_each_is_answered_by_one_model(
    home: Path, library: Library, album: Path
) -> None:
    """Four times there and back, the other model dropped each time and made anew."""
    asked = questions(library, album)
    old = [of_no_generation(ask(library, *one)) for one in asked]
    new = _answers_after_a_change(home, library, asked)
    assert sum(one != other for one, other in zip(old, new, strict=True)) > len(asked) // 2

    changing = subprocess.Popen([sys.executable, "-c", CHANGING, home], cwd=ROOT)
    seen: Counter[str] = Counter()
    states: dict[tuple[int, int], Found] = {}
    guard = threading.Lock()

    def work(number: int) -> None:
        chance = random.Random(number)
        while changing.poll() is None:
            item = chance.randrange(len(asked))
            answer = ask(library, *asked[item])
            bare = of_no_generation(answer)
            assert bare in (old[item], new[item])
            with guard:
                kept = states.setdefault((answer.generation, item), answer)
                seen["old" if bare == old[item] else "new"] += 1
            assert answer == kept

    try:
        with ThreadPoolExecutor(THREADS) as threads:
            for done in [threads.submit(work, number) for number in range(THREADS)]:
                done.result()
    finally:
        changing.wait(120)
    assert changing.returncode == 0
    assert min(seen["old"], seen["new"]) > 20, seen
    assert [of_no_generation(ask(library, *one)) for one in asked] == old


def test_a_change_in_the_very_library_that_is_asked(
    home: Path, library: Library, album: Path
) -> None:
    asked = questions(library, album)
    old = [of_no_generation(ask(library, *one)) for one in asked]
    new = _answers_after_a_change(home, library, asked)
    over = threading.Event()

    def work(number: int) -> int:
        n_asked = 0
        while not over.is_set():
            item = (number + n_asked) % len(asked)
            assert of_no_generation(ask(library, *asked[item])) in (old[item], new[item])
            n_asked += 1
        return n_asked

    with ThreadPoolExecutor(THREADS) as threads:
        working = [threads.submit(work, number) for number in range(THREADS)]
        try:
            for _ in range(3):
                assert library.migrate(MigrationOptions("other")).is_default
                library.rollback_model()
                library.drop_space()
        finally:
            over.set()
        assert all(one.result() for one in working)


def test_killed_at_any_moment_a_change_is_gone_on_with(
    home: Path, library: Library, album: Path
) -> None:
    """Before the switch the old model answers as ever; the last run ends as an undisturbed one."""
    asked = questions(library, album)
    old = [of_no_generation(ask(library, *one)) for one in asked]
    new = _answers_after_a_change(home, library, asked)
    chance = random.Random(5)
    n_embedded = [0]
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, home], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(chance.randint(3, 8)):
            assert process.stdout.readline() == b"encoding\n"
        time.sleep(chance.uniform(0.0, 0.05))
        process.kill()
        process.communicate()
        n_embedded.append(library.status().spaces[1].n_images)
        assert [of_no_generation(ask(library, *one)) for one in asked] == old
    assert n_embedded == sorted(set(n_embedded))  # each run goes on where the last one was killed
    assert library.migrate(MigrationOptions("other")).n_images == 30 - n_embedded[-1]
    assert [of_no_generation(ask(library, *one)) for one in asked] == new


def _answers_after_a_change(
    home: Path, library: Library, asked: list[tuple[QueryRequest, bool]]
) -> list[Found]:
    """What the other model answers; all is as before afterwards."""
    library.migrate(MigrationOptions("other"))
    answers = [of_no_generation(ask(library, *one)) for one in asked]
    with fake_library(home, two_models()) as fresh:
        some = [one for one in asked if one[0].text]
        assert [of_no_generation(ask(fresh, *one)) for one in some] == [
            answer for answer, one in zip(answers, asked, strict=True) if one[0].text
        ]
    library.rollback_model()
    library.drop_space()
    return answers
