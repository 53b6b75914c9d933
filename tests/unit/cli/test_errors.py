from __future__ import annotations

import errno
import os

import pytest
import typer

from mmsearch.cli.errors import report
from mmsearch.errors import ConfigError, MmsearchError, ModelError, QueryError


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number), "f")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ModelError("no model 'x': see 'mmsearch models'"), 1, "no model 'x'"),
        (QueryError("the query is empty"), 2, "the query is empty"),
        (ConfigError("setting 'index': bad"), 2, "setting 'index'"),
        (typer.BadParameter("give one"), 2, "give one (see 'mmsearch --help')"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (os_error(errno.ENOSPC), 1, "no space left on device: 'f'; free some space"),
        (os_error(errno.EROFS), 1, "read-only file system: 'f'; check the permissions"),
        (os_error(errno.EMFILE), 1, "too many open files: 'f'; too many files are open: end"),
        (
            os_error(errno.EIO),
            1,
            "input/output error: 'f'; check the file, its folder and the disk",
        ),
        (MemoryError(), 1, "out of memory"),
        (ZeroDivisionError("by 0"), 1, "unexpected ZeroDivisionError: by 0 (--debug shows where)"),
        (MmsearchError("two\nlines"), 1, "two lines"),
    ],
)
def test_each_error_is_one_line_and_a_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error, debug=False) == code
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("mmsearch: error: ")
    assert line in written.err
    assert written.err.count("\n") == 1


def test_debug_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018 - it raises
    assert report(caught.value, debug=True) == 1
    assert "Traceback" in capsys.readouterr().err
