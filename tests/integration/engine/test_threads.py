"""One library, many threads, and another process that indexes meanwhile."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.records import Answer, CaptionAnswer, IndexOptions
from mmsearch.engine.request import QueryOptions, QueryRequest
from mmsearch.errors import QueryError
from tests.fakes import COLOURS, FakeModels
from tests.photos import fake_library, media_id, photo

ROOT = Path(__file__).resolve().parents[3]
THREADS = 12

INDEXING = """
import sys
from pathlib import Path
from tests.photos import fake_library, photo

home, photos = Path(sys.argv[1]), Path(sys.argv[2])
colours = ("red", "green", "blue", "cyan")
with fake_library(home, batch_size=2) as library:
    for round in range(6):
        for number in range(4):
            photo(photos / f"new {round}/{number}.png", colours[number], 100 + 10 * round + number)
        (photos / f"old/{round}.png").unlink()
        (photos / f"old/{round + 10}.png").rename(photos / f"moved {round}.png")
        library.index(photos)
        print(round, flush=True)
"""


@pytest.fixture
def album(library: Library, photos: Path, tmp_path: Path) -> Path:
    """Forty pictures with captions, so that all kinds of questions have many answers."""
    names = list(COLOURS)[:6]
    for number in range(40):
        photo(photos / f"old/{number}.png", names[number % 6], number)
    rows = [f"old/{n}.png,a {names[n % 6]} picture number {n}" for n in range(40)]
    table = tmp_path / "captions.csv"
    table.write_text("\n".join(["file,caption", *rows]) + "\n", "utf-8")
    library.index(photos, IndexOptions(captions=(table,)))
    return photos


def questions(library: Library, album: Path) -> list[QueryRequest]:
    """All kinds of them."""
    red = media_id(library, album / "old/36.png")
    prepared = library.prepare_picture((album / "old/37.png").read_bytes())
    options: list[tuple[str | None, QueryOptions]] = [
        *[(colour, {"k": 7}) for colour in COLOURS],
        *[(f"{colour} thing", {"k": 5, "offset": 5}) for colour in COLOURS],
        ("red", {"plus": ["blue:0.5"], "minus": ["green"], "k": 20}),
        ("green", {"under": album / "old", "k": 50}),
        ("blue", {"formats": ["png"], "taken_from": date(2000, 1, 1), "k": 4}),
        ("red", {"min_score": 0.4}),
        ("red", {"formats": ["gif"]}),
        (None, {"like": red, "k": 9}),
        (None, {"image": prepared, "k": 9}),
        (None, {"image": album / "old/38.png", "k": 9}),
    ]
    return [QueryRequest.of(text, option) for text, option in options]


def in_threads(work: Callable[[int], None], count: int = THREADS) -> None:
    """Run `work(number)` in many threads that start together; raise what one of them raised."""
    barrier = threading.Barrier(count)

    def start(number: int) -> None:
        barrier.wait(120)
        work(number)

    with ThreadPoolExecutor(count) as threads:
        for done in [threads.submit(start, number) for number in range(count)]:
            done.result()


def test_many_threads_get_the_answers_of_one(home: Path, library: Library, album: Path) -> None:
    asked = questions(library, album)
    with fake_library(home) as alone:
        images = [alone.answer(request) for request in asked]
        captions = [alone.answer_captions(request) for request in asked]
        facets, status = alone.facets(), alone.status()

    def work(number: int) -> None:
        order = list(range(len(asked)))
        random.Random(number).shuffle(order)
        for item in order:
            assert library.answer(asked[item]) == images[item]
            assert library.answer_captions(asked[item]) == captions[item]
        assert library.facets() == facets
        assert library.status().n_files == status.n_files

    in_threads(work)


def test_a_cold_start_by_many_threads_loads_everything_once(home: Path, album: Path) -> None:
    models = FakeModels()
    with fake_library(home, models) as library, fake_library(home) as alone:
        expected = alone.query("red", k=5)
        in_threads(lambda _: _equal(library.query("red", k=5), expected))
    assert models.loads == ["fake"]


def test_errors_reach_the_thread_that_made_them(library: Library, album: Path) -> None:
    expected = library.query("red", k=5)

    def work(number: int) -> None:
        for _ in range(10):
            if number % 3:
                assert library.query("red", k=5) == expected
            else:
                with pytest.raises(QueryError, match="nothing is indexed under"):
                    library.query("red", under=album / f"nowhere {number}")

    in_threads(work)


def test_questions_while_another_process_indexes_see_whole_states(
    home: Path, library: Library, album: Path
) -> None:
    """All answers of one generation agree, each is sound, and the last ones are up to date."""
    asked = questions(library, album)
    seen: dict[tuple[int, int, bool], Answer | CaptionAnswer] = {}
    guard = threading.Lock()
    indexing = subprocess.Popen(
        [sys.executable, "-c", INDEXING, home, album], cwd=ROOT, stdout=subprocess.PIPE
    )

    def work(number: int) -> None:
        chance = random.Random(number)
        while True:
            over = indexing.poll() is not None
            for _ in range(10):
                item, of_captions = chance.randrange(len(asked)), chance.random() < 0.2
                answer: Answer | CaptionAnswer = (
                    library.answer_captions(asked[item])
                    if of_captions
                    else library.answer(asked[item])
                )
                _assert_sound(answer, asked[item])
                with guard:
                    kept = seen.setdefault((answer.generation, item, of_captions), answer)
                assert answer == kept
            if over:
                return

    in_threads(work, 6)
    assert indexing.communicate()[0].split() == [b"%d" % n for n in range(6)]
    assert indexing.returncode == 0
    assert len({generation for generation, _, _ in seen}) > 1
    with fake_library(home) as fresh:
        for request in asked:
            assert library.answer(request) == fresh.answer(request)
            assert library.answer_captions(request) == fresh.answer_captions(request)


def test_an_index_run_in_the_same_library_disturbs_nobody(library: Library, album: Path) -> None:
    """Questions go on in other threads while this very object indexes and removes."""
    asked = questions(library, album)
    done = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            try:
                for seed in range(5):
                    photo(album / f"new/{seed}.png", "cyan", 500 + seed)
                    library.index(album)
                    assert library.remove(album / f"old/{seed}.png") == 1
                    (album / f"old/{seed}.png").unlink()
            finally:
                done.set()
        while not done.is_set():
            request = asked[number % len(asked)]
            _assert_sound(library.answer(request), request)

    in_threads(work, 5)
    assert library.status().n_files == 40


def _equal(one: object, other: object) -> None:
    assert one == other


def _assert_sound(answer: Answer | CaptionAnswer, request: QueryRequest) -> None:
    """Ranks go on from the offset, scores fall, nothing comes twice."""
    ranks = [hit.rank for hit in answer.hits]
    assert ranks == list(range(request.offset + 1, request.offset + len(ranks) + 1))
    assert len(ranks) <= request.k
    scores = [hit.score for hit in answer.hits]
    assert scores == sorted(scores, reverse=True)
    items = [
        hit.caption.caption_id if isinstance(answer, CaptionAnswer) else hit.media.content_id  # type: ignore[union-attr]
        for hit in answer.hits
    ]
    assert len(set(items)) == len(items)
