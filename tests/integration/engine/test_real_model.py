"""The engine with a real (tiny) model, real workers, SQLite and FAISS, process by process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.photos import photo
from tests.tiny_model import build_tiny_model

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a cache, a home and an index of twelve pictures."""
    place = tmp_path_factory.mktemp("place")
    build_tiny_model(place / "model")
    for seed, colour in enumerate(("red", "green", "blue") * 4):
        photo(place / f"photos/{seed}.png", colour, seed)
    _run(place, "print(library.index(place / 'photos').added)")
    return place


def _run(place: Path, code: str, model: str | None = "model") -> str:
    """What `code` prints in a process of its own, where `library` is open."""
    given = "None" if model is None else f"str(place / {model!r})"
    script = (
        "import sys, mmsearch\nfrom pathlib import Path\n"
        f"place = Path({str(place)!r})\n"
        f"with mmsearch.open(home=place / 'home', cache=place / 'cache', model={given}, "
        "decode_workers=1, device='cpu') as library:\n    "
    ) + code.replace("\n", "\n    ")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_text_finds_pictures_without_torch_or_the_image_tower(place: Path) -> None:
    out = _run(
        place,
        "hits = library.query('a red photo', k=5)\n"
        "print(len(hits), 'torch' in sys.modules, 'open_clip' in sys.modules,"
        " 'sqlalchemy' in sys.modules, 'PIL' in sys.modules)",
        model=None,
    )
    assert out == "5 False False False False"


def test_a_run_with_nothing_to_do_loads_nothing_heavy(place: Path) -> None:
    heavy = ("torch", "openvino", "faiss", "sqlalchemy", "open_clip", "PIL")
    out = _run(
        place,
        "print(library.index(place / 'photos').unchanged,"
        f" [name for name in {heavy!r} if name in sys.modules])",
        model=None,
    )
    assert out == "12 []"


def test_a_picture_finds_its_like(place: Path) -> None:
    """A picture from elsewhere goes through the very same decoding and image tower."""
    photo(place / "elsewhere.png", "blue", seed=77)
    out = _run(
        place,
        "hits = library.query(image=place / 'elsewhere.png', k=4)\n"
        "print(*(int(hit.media.path.stem) % 3 for hit in hits))",
    )
    assert out == "2 2 2 2"


def test_another_seed_is_another_space(place: Path) -> None:
    """Its weights differ, so its embeddings are never compared with these."""
    build_tiny_model(place / "second", seed=1)
    code = (
        "try:\n    library.query('red')\nexcept mmsearch.SpaceMismatchError as exc:\n    print(exc)"
    )
    assert "index --model" in _run(place, code, model="second")
