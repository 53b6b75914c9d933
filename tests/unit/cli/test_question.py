from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.cli.question import Question
from mmsearch.errors import QueryError


def test_text_that_names_a_picture_asks_with_that_picture(tmp_path: Path) -> None:
    picture = tmp_path / "x.JPG"
    picture.touch()
    assert Question.of(str(picture), None, (), ()) == Question(image=picture)


@pytest.mark.parametrize("text", ["missing.jpg", "a dog", "a" * 5000 + ".jpg", "nul\0.jpg"])
def test_other_text_stays_text(text: str) -> None:
    assert Question.of(text, None, (), ()) == Question(text=text)


def test_a_folder_or_another_kind_of_file_is_not_taken_for_a_picture(tmp_path: Path) -> None:
    (tmp_path / "album.jpg").mkdir()
    (tmp_path / "notes.txt").touch()
    for name in ("album.jpg", "notes.txt"):
        text = str(tmp_path / name)
        assert Question.of(text, None, (), ()) == Question(text=text)


def test_beside_an_image_text_stays_text(tmp_path: Path) -> None:
    picture = tmp_path / "x.jpg"
    picture.touch()
    assert Question.of(str(picture), picture, (), ()) == Question(str(picture), picture)


def test_nothing_asked_is_refused() -> None:
    with pytest.raises(QueryError, match="give TEXT, --image FILE or both"):
        Question.of(None, None, (), ())


def test_the_title_says_all_that_was_asked() -> None:
    question = Question("a dog", Path("in/x.jpg"), ("sunset:0.5",), ("people",))
    assert question.title == "a dog like x.jpg + sunset:0.5 - people"
