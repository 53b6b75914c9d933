"""Every caption format becomes the same records; what is wrong in a file is said, not fatal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmsearch.datasets import CaptionedImage, read_captions
from mmsearch.errors import DatasetError

EXPECTED = (
    CaptionedImage("a.jpg", ("a red ball", "a ball"), "train"),
    CaptionedImage("b.jpg", ("two dogs",), "test"),
)


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def _karpathy() -> str:
    return json.dumps(
        {
            "images": [
                {
                    "filename": "a.jpg",
                    "split": "train",
                    "sentences": [{"raw": "a red ball"}, {"raw": " a  ball\n"}],
                },
                {"filename": "b.jpg", "split": "test", "sentences": [{"raw": "two dogs"}]},
            ]
        }
    )


def _coco() -> str:
    return json.dumps(
        {
            "images": [
                {"id": 7, "file_name": "a.jpg", "split": "train"},
                {"id": 9, "file_name": "b.jpg", "split": "test"},
            ],
            "annotations": [
                {"image_id": 7, "caption": "a red ball"},
                {"image_id": 9, "caption": "two dogs"},
                {"image_id": 7, "caption": "a ball"},
            ],
        }
    )


CSV = "file,caption,split\na.jpg,a red ball,train\nb.jpg,two dogs,test\na.jpg,a ball,\n"
JSONL = (
    '{"image": "a.jpg", "captions": ["a red ball", "a ball"], "split": "training"}\n'
    '{"image": "b.jpg", "captions": "two dogs", "split": "TEST"}\n'
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dataset_things.json", _karpathy()),
        ("things.json", _coco()),
        ("things.csv", CSV),
        ("things.csv", "\ufeff" + CSV.replace("\n", "\r\n")),
        ("things.csv", CSV.replace(",", ";")),
        ("things.tsv", CSV.replace(",", "\t")),
        ("things.txt", CSV),
        ("things.jsonl", JSONL),
    ],
    ids=["karpathy", "coco", "csv", "csv-windows", "csv-semicolon", "tsv", "txt", "jsonl"],
)
def test_formats_agree(tmp_path: Path, name: str, text: str) -> None:
    """The same pictures and captions come out of every format."""
    data = read_captions(_write(tmp_path, name, text))
    assert data.name == "things"
    assert data.items == EXPECTED
    assert data.bad_rows == ()
    assert data.n_captions == 3


@pytest.mark.parametrize("file", ["file", "Filename", "image", "PATH", "filepath", "Image Path"])
@pytest.mark.parametrize("caption", ["caption", "Text", "title", "sentence"])
def test_header_names_are_tolerant(tmp_path: Path, file: str, caption: str) -> None:
    """People's own names of the two columns are understood, in any order and case."""
    data = read_captions(_write(tmp_path, "x.csv", f"price,{caption},{file}\n3,shoes,s.png\n"))
    assert data.items == (CaptionedImage("s.png", ("shoes",)),)


def test_coco_filepath_becomes_folder(tmp_path: Path) -> None:
    """Karpathy's COCO file keeps its two folders apart."""
    image = {"filepath": "val2014", "filename": "a.jpg", "sentences": [{"raw": "x"}]}
    data = read_captions(_write(tmp_path, "d.json", json.dumps({"images": [image]})))
    assert data.items[0].file == "val2014/a.jpg"


def test_row_without_file_is_free_caption(tmp_path: Path) -> None:
    """Free captions are kept, each on its own."""
    data = read_captions(_write(tmp_path, "x.csv", "file,caption\n,one\n,one\na.jpg,two\n"))
    assert [item.file for item in data.items] == [None, None, "a.jpg"]


def test_bad_rows_are_listed_by_line(tmp_path: Path) -> None:
    """Empty captions, cut rows and a file in two splits are named; the rest is read."""
    text = 'caption,file,split\n,a.jpg,\n"good\none",b.jpg,val\nshort\nmore,b.jpg,test\n'
    data = read_captions(_write(tmp_path, "x.csv", text))
    assert data.items == (CaptionedImage("b.jpg", ("good one",), "val"),)
    assert [row.where for row in data.bad_rows] == ["line 2", "line 5", "line 6"]
    assert "empty" in data.bad_rows[0].reason
    assert "'val'" in data.bad_rows[2].reason


def test_bad_json_entries_are_listed(tmp_path: Path) -> None:
    """Wrong types inside JSON are named by their place."""
    images = [3, {"sentences": [{"raw": "x"}]}, {"filename": "a", "sentences": []}]
    images.append({"filename": "b", "sentences": [{"raw": 5}, {}, {"raw": "fine"}]})
    data = read_captions(_write(tmp_path, "x.json", json.dumps({"images": images})))
    assert data.items == (CaptionedImage("b", ("fine",)),)
    assert [row.where for row in data.bad_rows] == [
        *("images[0]", "images[1]", "images[2]"),
        *("images[3].sentences[0]", "images[3].sentences[1]"),
    ]


def test_coco_annotation_of_unknown_picture(tmp_path: Path) -> None:
    """An annotation without its picture is listed."""
    document = json.loads(_coco())
    document["annotations"] += [{"image_id": 1, "caption": "lost"}, 5]
    data = read_captions(_write(tmp_path, "x.json", json.dumps(document)))
    assert data.items == EXPECTED
    assert len(data.bad_rows) == 2


def test_bad_jsonl_lines_are_listed(tmp_path: Path) -> None:
    """A broken line costs that line only."""
    data = read_captions(_write(tmp_path, "x.jsonl", JSONL + '{"image": "c\n\n[1]\n{"a": 1}\n'))
    assert data.items == EXPECTED
    assert [row.where for row in data.bad_rows] == ["line 3", "line 5", "line 6"]


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    """A file name may hold any bytes, a caption may not."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"file,caption\n\xff.jpg,fine\nb.jpg,caf\xe9\n")
    data = read_captions(path)
    assert data.items == (CaptionedImage("\udcff.jpg", ("fine",)),)
    assert "UTF-8" in data.bad_rows[0].reason


@pytest.mark.parametrize(
    "text", ["", "hello", "a,b\n1,2\n", "[]", '{"images": []}', "\0\1\2", '{"a": 1}', "[[[[", "{"]
)
def test_unknown_formats_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    """What is no caption file gives one clear error with its path."""
    path = _write(tmp_path, "x.json", text)
    with pytest.raises(DatasetError) as caught:
        read_captions(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["file,caption\n", "file,caption\na.jpg,\n"])
def test_no_caption_at_all(tmp_path: Path, text: str) -> None:
    """A file of the right form without any caption is an error."""
    with pytest.raises(DatasetError, match="holds no caption"):
        read_captions(_write(tmp_path, "x.csv", text))


def test_unreadable_files(tmp_path: Path) -> None:
    """A missing file and a folder are refused with the reason."""
    with pytest.raises(DatasetError, match="No such file"):
        read_captions(tmp_path / "none.csv")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_captions(tmp_path)


@pytest.mark.shared_data
def test_flickr8k_counts(shared_data: Path) -> None:
    """The real Karpathy file gives the published counts."""
    data = read_captions(shared_data / "flickr8k" / "dataset_flickr8k.json")
    assert (data.name, len(data.items), data.n_captions) == ("flickr8k", 8091, 40455)
    assert data.bad_rows == ()
