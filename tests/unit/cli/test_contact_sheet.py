from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from mmsearch.cli.contact_sheet import THUMBNAIL_PX, contact_sheet, write_contact_sheet
from mmsearch.cli.question import Question
from mmsearch.config import Settings
from tests.unit.cli.records import hit, reranked_hit


class Page(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag == name]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / 'a & <b> "c".png'
    Image.new("RGB", (1200, 600), "red").save(file)
    return file


def test_everything_from_outside_is_escaped(picture: Path) -> None:
    question = Question("<script>alert(1)</script> $cards ${x}")
    page = Page(contact_sheet(question, [hit(picture)], Settings()))
    assert page.all("script") == []
    assert page.all("b")[0] == {}
    assert "<script>alert(1)</script> $cards ${x} · mmsearch" in page.text
    assert page.all("img")[0]["alt"] == picture.name


def test_the_picture_is_inside_the_page_and_links_to_its_file(picture: Path) -> None:
    page = Page(contact_sheet(Question("red"), [hit(picture)], Settings()))
    [image] = page.all("img")
    data = base64.b64decode(str(image["src"]).removeprefix("data:image/jpeg;base64,"))
    with Image.open(io.BytesIO(data)) as thumbnail:
        assert thumbnail.size == (THUMBNAIL_PX, THUMBNAIL_PX // 2)
    assert page.all("a")[0]["href"] == picture.as_uri()


def test_a_reranked_picture_has_both_scores(picture: Path) -> None:
    page = Page(contact_sheet(Question("red"), [reranked_hit(picture, dual_rank=4)], Settings()))
    titles = [attrs["title"] for attrs in page.all("span") if attrs.get("class") == "score"]
    assert titles == ["rerank score; number 4 by cosine", "cosine"]
    assert "1.500" in page.text


def test_a_page_needs_nothing_from_elsewhere(picture: Path) -> None:
    text = contact_sheet(Question("red", picture), [hit(picture)], Settings())
    assert not re.search(r"https?://|<link|@import|<script", text)


def test_a_missing_picture_leaves_its_reason_in_its_place(tmp_path: Path) -> None:
    page = Page(contact_sheet(Question("x"), [hit(tmp_path / "gone.jpg")], Settings()))
    assert page.all("img") == []
    assert "cannot be read" in page.text


def test_no_answer_is_said(tmp_path: Path) -> None:
    assert "Nothing found." in contact_sheet(Question("x"), [], Settings())


def test_the_file_is_written_whole_with_nothing_left_beside(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("old")
    write_contact_sheet(file, Question("x"), [], Settings())
    assert file.read_text("utf-8").endswith("</html>\n")
    assert list(tmp_path.iterdir()) == [file]


def test_a_missing_folder_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_contact_sheet(tmp_path / "no" / "page.html", Question("x"), [], Settings())
    assert list(tmp_path.iterdir()) == []
