"""A small index, built once through the command line with a tiny random model."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.integration.cli.command import Mmsearch
from tests.tiny_model import build_tiny_model

COLOURS = ("red", "green", "blue", "yellow", "cyan", "magenta", "white", "orange")
ODD_NAME = b"caf\xe9\n.png"
"""Latin-1 bytes and a newline: a name that is neither UTF-8 nor one line."""


@dataclass(frozen=True, slots=True)
class World:
    """A folder with `photos/` and `captions.csv`, an index of them, and the command there."""

    folder: Path
    mmsearch: Mmsearch

    @property
    def photos(self) -> Path:
        """The indexed folder: 8 colours, an odd name, a file that is no picture."""
        return self.folder / "photos"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory that loads in no time; its answers mean nothing."""
    return build_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where exported models are kept between the runs of a test session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def mmsearch(tmp_path: Path, tiny_model: Path, model_cache: Path) -> Mmsearch:
    """The command with an empty home, in an empty folder."""
    return _command(tmp_path, tmp_path / "home", tiny_model, model_cache)


@pytest.fixture(scope="session")
def shared_world(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, model_cache: Path
) -> World:
    """An index that tests read and do not change."""
    folder = tmp_path_factory.mktemp("world")
    make_photos(folder / "photos")
    rows = [f"{colour}.png,a {colour} picture" for colour in COLOURS]
    (folder / "captions.csv").write_text("\n".join(["file,caption", *rows]) + "\n", "utf-8")
    command = _command(folder, folder / "home", tiny_model, model_cache)
    done = command.run("index", "photos", "--captions", "captions.csv")
    assert done.code == 0, done.notes
    return World(folder, command)


@pytest.fixture
def world(shared_world: World, tmp_path: Path, tiny_model: Path, model_cache: Path) -> World:
    """A copy of the index with the same pictures, to change at will."""
    shutil.copytree(shared_world.folder / "home", tmp_path / "home")
    command = _command(tmp_path, tmp_path / "home", tiny_model, model_cache)
    return World(shared_world.folder, command)


def make_photos(folder: Path) -> None:
    """Write the pictures and the file that is none."""
    folder.mkdir(parents=True)
    for number, colour in enumerate(COLOURS):
        make_picture(folder / f"{colour}.png", colour, number)
    make_picture(Path(os.fsdecode(os.fsencode(folder) + b"/" + ODD_NAME)), "gray", 9)
    (folder / "bad.jpg").write_bytes(b"not a picture")


def make_picture(file: Path, colour: str, number: int) -> None:
    """Write a PNG of one colour with a disc whose place and size depend on `number`."""
    image = Image.new("RGB", (96, 72), colour)
    reach = 8 + 3 * number
    ImageDraw.Draw(image).ellipse((5, 5, 5 + reach, 5 + reach), "black")
    image.save(file, "PNG")


def _command(folder: Path, home: Path, model: Path, cache: Path) -> Mmsearch:
    environment = {
        "MMSEARCH_HOME": str(home),
        "MMSEARCH_CACHE": str(cache),
        "MMSEARCH_MODEL": str(model),
        "MMSEARCH_DEVICE": "cpu",
    }
    return Mmsearch(folder, environment)
