"""`import mmsearch`: all public names, and nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mmsearch
from mmsearch import errors

HEAVY = ("numpy", "torch", "openvino", "faiss", "sqlalchemy", "pydantic", "PIL", "open_clip")


@pytest.mark.parametrize("name", mmsearch.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert getattr(mmsearch, name) is not None


def test_all_holds_each_name_once() -> None:
    assert len(set(mmsearch.__all__)) == len(mmsearch.__all__)


def test_all_is_what_type_checkers_see() -> None:
    """The lazy table and the TYPE_CHECKING imports list the same names."""
    tree = ast.parse(Path(mmsearch.__file__).read_text("utf-8"))
    seen = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mmsearch.")
        for alias in node.names
    }
    assert seen | {"__version__"} == set(mmsearch.__all__)


def test_every_error_is_public() -> None:
    tree = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert tree <= set(mmsearch.__all__)


def test_public_names_know_where_they_live() -> None:
    assert mmsearch.QueryError is errors.QueryError
    assert set(mmsearch.__all__) <= set(dir(mmsearch))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mmsearch.nothing  # noqa: B018 - the look-up is the test


@pytest.mark.parametrize(
    "code",
    ["import mmsearch", "import mmsearch; mmsearch.__version__; mmsearch.QueryError"],
)
def test_importing_is_light(code: str) -> None:
    """Neither the import nor the errors load a heavy library."""
    check = f"{code}\nimport sys\nprint([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_opening_a_library_reads_nothing(tmp_path: Path) -> None:
    """A library that is only opened makes no file."""
    with mmsearch.open(home=tmp_path / "home", index="mine") as library:
        assert library.settings.index == "mine"
    assert not (tmp_path / "home").exists()


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(mmsearch.ConfigError, match="colour"):
        mmsearch.open(colour="red")
