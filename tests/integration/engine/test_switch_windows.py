"""What a change of the model does to a question that lasts through it, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.records import Answer, CaptionAnswer
from mmsearch.engine.request import PreparedPicture, QueryRequest
from mmsearch.engine.searcher import Searcher
from mmsearch.engine.upkeep.model_records import MigrationOptions
from mmsearch.types import Embeddings
from tests.fakes import FakeDualEncoder, fake_space
from tests.model_changes import OTHER, index_album, two_models
from tests.photos import fake_library, photo

Ask = Callable[[Library, QueryRequest], Answer | CaptionAnswer]

KINDS = [
    pytest.param(Library.answer, id="images"),
    pytest.param(Library.answer_captions, id="captions"),
]


@dataclass(slots=True)
class Interrupted(FakeDualEncoder):
    """The fake encoder; before it encodes texts for the nth time, the nth of `steps` happens."""

    steps: list[Callable[[], None]] = field(default_factory=list)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        if self.steps:
            self.steps.pop(0)()
        return FakeDualEncoder.encode_texts(self, texts)


@dataclass(slots=True)
class Changing:
    """A library that is asked, and another one of the same index that changes its model."""

    asked: Library
    changed: Library
    encoder: Interrupted

    def between(self, *steps: Callable[[], object]) -> None:
        """Do these while the next question is answered: before its texts are encoded, and after
        its vectors are searched."""
        self.encoder.steps = [lambda step=step: (step(), None)[1] for step in steps]


@pytest.fixture
def album(home: Path, photos: Path) -> Path:
    """Twelve pictures in two roots, three of them with a caption, embedded by both models."""
    with fake_library(home, two_models()) as library:
        index_album(library, photos)
        library.migrate(OTHER)
        library.rollback_model()
    return photos


@pytest.fixture
def changing(home: Path, album: Path) -> Iterator[Changing]:
    """Both libraries, fresh: the first question encodes its texts, then the everyday phrases."""
    models = two_models()
    models.encoders["fake"] = encoder = Interrupted(fake_space())
    with fake_library(home, models) as asked, fake_library(home, two_models()) as changed:
        yield Changing(asked, changed, encoder)


@pytest.mark.parametrize("ask", KINDS)
def test_there_and_back_while_a_question_lasts_leaves_no_answer_of_the_wrong_state(
    home: Path, changing: Changing, ask: Ask
) -> None:
    """The old model is searched in a state in which the new one is asked, and both look alike."""
    request = QueryRequest.of("red", {"k": 50})
    states: dict[int, Answer | CaptionAnswer] = {}

    def note() -> None:
        answer = ask(changing.changed, request)
        states[answer.generation] = answer
        for file in home.rglob("*-everyday-*"):
            file.unlink()  # so that the library that is asked encodes those phrases

    def switch() -> None:
        changing.changed.migrate(OTHER)
        note()

    def back() -> None:
        changing.changed.rollback_model()
        note()

    note()
    changing.between(switch, back)
    answer = ask(changing.asked, request)
    assert answer == states[answer.generation]
    assert len(states) > 1


@pytest.mark.parametrize("ask", KINDS)
def test_a_question_that_the_switch_comes_into_is_asked_of_the_new_model(
    changing: Changing, ask: Ask
) -> None:
    request = QueryRequest.of("red", {"k": 50})
    changing.between(lambda: changing.changed.migrate(OTHER))
    assert ask(changing.asked, request) == ask(changing.changed, request)
    assert not changing.encoder.steps


def test_a_prepared_picture_stays_in_its_space_through_a_switch(
    changing: Changing, photos: Path
) -> None:
    """It was embedded there, and may be asked with there as long as that is the model before."""
    picture = changing.asked.prepare_picture(
        photo(photos.parent / "new.png", "cyan", 9).read_bytes()
    )
    request = QueryRequest.of("red", {"image": picture, "k": 50})
    before = changing.changed.answer(request)
    changing.between(lambda: changing.changed.migrate(OTHER))
    during = changing.asked.answer(request)
    assert during.hits == before.hits
    assert during.generation > before.generation
    assert not changing.encoder.steps


def test_a_model_that_is_named_is_asked_through_a_switch(
    home: Path, changing: Changing, photos: Path
) -> None:
    models = two_models()
    models.encoders["fake"] = encoder = Interrupted(fake_space())
    with fake_library(home, models, model="fake") as named:
        before = changing.changed.query("red", k=50)
        encoder.steps = [lambda: (changing.changed.migrate(OTHER), None)[1]]
        assert named.query("red", k=50) == before
        assert changing.changed.query("red", k=50) != before


def test_an_error_of_a_model_that_was_dropped_and_came_back_is_not_believed(
    changing: Changing, photos: Path
) -> None:
    """Default before and after, and gone in between: that question is asked again."""
    data = (photos / "one/1.png").read_bytes()
    n_asked = 0

    def work(searcher: Searcher) -> PreparedPicture:
        nonlocal n_asked
        n_asked += 1
        if n_asked > 1:
            return searcher.prepare(data)
        changing.changed.migrate(OTHER)
        changing.changed.drop_space("fake")
        try:
            return searcher.prepare(data)
        finally:
            changing.changed.migrate(MigrationOptions("fake"))

    picture = changing.asked._factory.questions.ask(work)
    assert (picture.space_digest, n_asked) == (fake_space().digest, 2)
