"""Usage, in this process: the same code as the command, without a process for each case."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

import pytest

from mmsearch.cli.app import run
from mmsearch.cli.commands import COMMANDS


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exit code, stdout, stderr."""

    code: int
    text: str
    notes: str


@dataclass(frozen=True, slots=True)
class Here:
    """Runs the command line in this process."""

    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Outcome:
        code = run(list(arguments))
        written = self.capture.readouterr()
        return Outcome(code, written.out, written.err)


@pytest.fixture
def mmsearch(capsys: pytest.CaptureFixture[str]) -> Iterator[Here]:
    root, ours = logging.getLogger(), logging.getLogger("mmsearch")
    kept = root.handlers[:], root.level, ours.level
    yield Here(capsys)
    logging.captureWarnings(False)
    root.handlers[:] = kept[0]
    root.setLevel(kept[1])
    ours.setLevel(kept[2])


def test_without_arguments_the_help_is_shown(mmsearch: Here) -> None:
    done = mmsearch.run()
    assert done.code == 0
    assert "Usage: mmsearch" in done.text


def test_the_help_lists_every_command_with_its_summary(mmsearch: Here) -> None:
    text = mmsearch.run("--help").text
    for entry in COMMANDS:
        assert entry.name in text
        assert entry.summary in text


@pytest.mark.parametrize("name", [entry.name for entry in COMMANDS])
def test_every_command_has_examples_in_its_help(name: str, mmsearch: Here) -> None:
    done = mmsearch.run(name, "-h")
    assert done.code == 0
    assert f"\nExamples:\n  mmsearch {name}" in done.text.replace(" --index demo", "")


def test_the_version_is_the_packages(mmsearch: Here) -> None:
    assert mmsearch.run("--version").text == f"mmsearch {version('mmsearch')}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--nothing",), "No such option: --nothing"),
        (("nothing",), "No such command 'nothing'"),
        (("quer", "x"), "Did you mean 'query'?"),
        (("query", "x", "--nothing"), "(see 'mmsearch query --help')"),
        (("query", "x", "--home", "y"), "it goes before the command"),
        (("query", "x", "-k", "0"), "'--top'"),
        (("query", "x", "--to", "sounds"), "'images'"),
        (("query", "x", "--json", "-0"), "--json and -0 exclude each other"),
        (("query", "x", "--preview", "-f"), "--preview and -f exclude each other"),
        (("query", "x", "--to", "captions", "-f"), "-f shows pictures"),
        (("query",), "give TEXT, --image FILE or both"),
        (("query", "  "), "the query is empty"),
        (("query", "--minus", "x"), "only subtracts"),
        (("-q", "-v", "status"), "contradict each other"),
        (("--index", "../x", "status"), "setting 'index'"),
        (("info",), "Missing argument 'FILE'"),
        (("evaluate", "x.json"), "Missing option"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    arguments: tuple[str, ...], says: str, mmsearch: Here
) -> None:
    done = mmsearch.run(*arguments)
    assert done.code == 2
    assert done.text == ""
    assert done.notes.startswith("mmsearch: error: ")
    assert says in done.notes
    assert done.notes.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("query", "x"), ("status",), ("info", "x.jpg"), ("remove", "x"), ("index",)]
)
def test_no_index_yet_is_one_line_and_exit_1(arguments: tuple[str, ...], mmsearch: Here) -> None:
    done = mmsearch.run(*arguments)
    assert done.code == 1
    assert done.text == ""
    assert "mmsearch index" in done.notes
    assert done.notes.count("\n") == 1


def test_a_wrong_choice_is_told_without_a_librarys_jargon(mmsearch: Here) -> None:
    """One line that names the option, the value and what may be given."""
    done = mmsearch.run("query", "x", "--orientation", "round")
    assert (done.code, done.text) == (2, "")
    assert done.notes == (
        "mmsearch: error: Invalid value for '--orientation': 'round' is not one of 'landscape', "
        "'portrait', 'square' (see 'mmsearch query --help')\n"
    )


def test_rerank_and_no_rerank_exclude_each_other(mmsearch: Here) -> None:
    done = mmsearch.run("query", "a dog", "--rerank", "--no-rerank")
    assert done.code == 2
    assert "exclude each other" in done.notes
