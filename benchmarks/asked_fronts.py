"""One index asked through Python, through new processes and over HTTP, all the time."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.command import mmsearch_command
from mmsearch.engine.library import Library
from mmsearch.engine.request import QueryOptions, QueryRequest
from mmsearch.errors import MmsearchError

K = 20

Answer = tuple[object, int | None]
"""What was found, as it compares, and its generation where the front tells that."""


class Failed(Exception):  # noqa: N818 - an outcome, not a bug of the benchmark
    """A question that was answered by an error."""


@dataclass(frozen=True, slots=True)
class Question:
    """Words, a picture of the index, or both; for pictures or for captions."""

    text: str | None = None
    like: int | None = None
    captions: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it went: when, and the answer; or the error."""

    question: int
    began_s: float
    seconds: float
    answer: Answer | None
    error: str = ""


@dataclass(slots=True)
class Front:
    """One way to ask; `pause_s` after each question."""

    name: str
    ask: Callable[[Question], Answer]
    questions: Sequence[Question]
    pause_s: float = 0.0
    asked: list[Asked] = field(default_factory=list)

    def all_answers(self) -> list[object]:
        """What each question finds now."""
        return [self.ask(question)[0] for question in self.questions]

    def go_on(self, over: threading.Event) -> None:
        """Ask one question after the other until it is over."""
        number = 0
        while not over.is_set():
            at = number % len(self.questions)
            began = time.monotonic()
            try:
                one = Asked(at, began, 0.0, self.ask(self.questions[at]))
            except (Failed, MmsearchError, OSError) as exc:
                one = Asked(at, began, 0.0, None, str(exc) or type(exc).__name__)
            self.asked.append(replace(one, seconds=time.monotonic() - began))
            number += 1
            over.wait(self.pause_s)


def python_front(library: Library, questions: Sequence[Question]) -> Front:
    """Asks one library that stays open."""

    def ask(question: Question) -> Answer:
        request = QueryRequest.of(question.text, QueryOptions(like=question.like, k=K))
        if question.captions:
            captions = library.answer_captions(request)
            return (captions.hits, captions.matches), captions.generation
        pictures = library.answer(request)
        return (pictures.hits, pictures.matches), pictures.generation

    return Front("Python", ask, questions, pause_s=0.02)


def command_front(home: Path, questions: Sequence[Question]) -> Front:
    """Asks by a new process each time: a few words only, as each takes seconds."""

    def ask(question: Question) -> Answer:
        done = subprocess.run(
            mmsearch_command("query", str(question.text), "-k", str(K), "--json"),
            env={**os.environ, "MMSEARCH_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failed(done.stderr.strip())
        return done.stdout, None

    worded = [one for one in questions if one.like is None and not one.captions][:3]
    return Front("new processes", ask, worded, pause_s=0.5)


def http_front(url: str, questions: Sequence[Question]) -> Front:
    """Asks a server, by a connection each time."""

    def ask(question: Question) -> Answer:
        asked = {"q": question.text, "like": question.like, "k": K, "rerank": "auto"}
        asked["target"] = "captions" if question.captions else "images"
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        with urllib.request.urlopen(f"{url}/api/v1/search?{query}", timeout=120) as response:  # noqa: S310 - our own server's address
            answer = json.load(response)
        return (answer["hits"], answer["matches"]), answer["generation"]

    return Front("HTTP", ask, questions, pause_s=0.02)


@contextmanager
def asking(fronts: Sequence[Front]) -> Iterator[Callable[[], None]]:
    """All fronts ask in the block; what it gives waits until each has asked everything anew."""
    over = threading.Event()
    threads = [threading.Thread(target=front.go_on, args=(over,)) for front in fronts]

    def wait_for_a_round() -> None:
        wanted = [len(front.asked) + len(front.questions) + 1 for front in fronts]
        while any(len(front.asked) < n for front, n in zip(fronts, wanted, strict=True)):
            if not all(thread.is_alive() for thread in threads):
                raise SystemExit("a front stopped asking: its own words are above")
            time.sleep(0.05)

    for thread in threads:
        thread.start()
    try:
        yield wait_for_a_round
    finally:
        over.set()
        for thread in threads:
            thread.join()
