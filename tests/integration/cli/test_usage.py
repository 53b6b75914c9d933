from __future__ import annotations

import pytest

from tests.integration.cli.command import Mmsearch


def test_wrong_usage_is_one_line_and_exit_2(mmsearch: Mmsearch) -> None:
    done = mmsearch.run("query", "x", "--nothing")
    assert (done.code, done.text) == (2, "")
    assert done.notes == (
        "mmsearch: error: No such option: --nothing (see 'mmsearch query --help')\n"
    )


def test_debug_shows_the_traceback(mmsearch: Mmsearch) -> None:
    done = mmsearch.run("--debug", "query", "x")
    assert done.code == 1
    assert "Traceback" in done.notes


@pytest.mark.parametrize("no_colour", [True, False])
def test_colour_only_where_it_is_wanted(no_colour: bool, mmsearch: Mmsearch) -> None:
    environment = {**mmsearch.environment, "NO_COLOR": "1" if no_colour else ""}
    done = Mmsearch(mmsearch.folder, environment).run_on_terminal("query", "x")
    assert (b"\x1b[" in done.out) == (not no_colour)
