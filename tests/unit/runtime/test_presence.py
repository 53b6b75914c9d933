"""Nothing at a place, and a place that cannot be looked at, are two things."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.runtime.presence import file_size, folder_is_there, look_up, shown_size


def test_sizes_and_folders_that_are_there(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert (file_size(file), shown_size(file), folder_is_there(file)) == (5, 5, False)
    assert (file_size(tmp_path), folder_is_there(tmp_path)) == (None, True)


@pytest.mark.parametrize("name", ["gone", "file/below"])
def test_what_is_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    place = tmp_path / name
    assert look_up(place) is None
    assert (file_size(place), shown_size(place), folder_is_there(place)) == (None, 0, False)


def test_what_the_system_does_not_tell(tmp_path: Path) -> None:
    """A name that is too long stands for a disk that fails: the system gives an error for both."""
    place = tmp_path / ("x" * 5000)
    with pytest.raises(OSError, match=r"(?i)name too long|cannot find"):
        file_size(place)
    assert (shown_size(place), folder_is_there(place)) == (0, False)
