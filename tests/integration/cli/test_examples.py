"""The examples in the help and in the README run as they stand, on the demo's photographs."""

from __future__ import annotations

import csv
import importlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from mmsearch.cli.commands import COMMANDS
from tests.integration.cli.command import Mmsearch
from tests.tiny_model import build_tiny_model

REPOSITORY = Path(__file__).resolve().parents[3]
DEFAULT_MODEL = REPOSITORY / "mmsearch" / "models" / "mini" / "open_clip_config.json"
HELP_EXAMPLES = [
    example.command
    for entry in COMMANDS
    for example in importlib.import_module(entry.module).EXAMPLES
]
CONSOLE_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
ELSEWHERE = {
    "mmsearch train": "trains for minutes, as train-reranker does: see tests of training",
    "mmsearch serve": "runs until it is stopped: see test_serve_command",
}
"""Commands whose examples other tests run."""

CAPTIONS = {
    "chelsea.png": "a close-up of a tabby cat",
    "coffee.png": "a cup of coffee on a wooden table",
    "rocket.jpg": "a rocket on its launch pad at night",
    "astronaut.png": "an astronaut in an orange suit",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with `photos/` and `captions.csv`, and the photographs' index."""

    mmsearch: Mmsearch


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, model_cache: Path) -> Desk:
    """The place the examples are written for, with the default model where it is there.

    `tuned` is another model, as if trained there.
    """
    pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image")
    folder = tmp_path_factory.mktemp("desk")
    environment = {"MMSEARCH_HOME": str(folder / "home"), "MMSEARCH_CACHE": str(model_cache)}
    if not DEFAULT_MODEL.is_file():
        environment["MMSEARCH_MODEL"] = str(tiny_model)
    mmsearch = Mmsearch(folder, environment)
    done = mmsearch.run("demo", "photos")
    assert done.code == 0, done.notes
    with (folder / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "caption"), *CAPTIONS.items()])
    assert mmsearch.run("index", "photos").code == 0
    build_tiny_model(folder / "tuned", seed=7)
    return Desk(mmsearch)


@pytest.mark.parametrize("line", HELP_EXAMPLES)
def test_the_helps_examples_run(line: str, desk: Desk) -> None:
    for command, why in ELSEWHERE.items():
        if command in line:
            pytest.skip(why)
    _check(line, desk)


def test_the_readmes_console_blocks_run(desk: Desk) -> None:
    lines = readme_commands((REPOSITORY / "README.md").read_text("utf-8"))
    if not lines:
        pytest.skip("the README has no console blocks yet")
    for line in lines:
        _check(line, desk)


def test_a_console_block_is_read_with_its_continued_lines() -> None:
    text = "x\n```console\n$ a b \\\n    c\nanswer\n$ d\n```\n```bash\n$ e\n```\n"
    assert readme_commands(text) == ["a b \\\n    c", "d"]


def readme_commands(text: str) -> list[str]:
    """The commands of the `console` blocks: lines after `$ `, with those they continue on."""
    commands: list[str] = []
    for block in CONSOLE_BLOCK.findall(text):
        continued = False
        for line in block.splitlines():
            if continued:
                commands[-1] += "\n" + line
            elif line.startswith("$ "):
                commands.append(line[2:])
            else:
                continue
            continued = line.endswith("\\")
    return commands


def _check(line: str, desk: Desk) -> None:
    """Run one line of shell; it must succeed."""
    _prepare(line, desk)
    done = desk.mmsearch.shell(line)
    assert done.code == 0, f"{line}: {done.notes}"
    _restore(line, desk)


def _prepare(line: str, desk: Desk) -> None:
    """Make first what an example goes back to, or takes out."""
    if " restore " in line:
        assert desk.mmsearch.run("-q", "backup", "backups/monday").code == 0
    if "--rollback" in line or "--drop-old" in line:
        assert desk.mmsearch.run("-q", "migrate", "--to", "tuned").code == 0
    if "--drop-old" in line:
        assert desk.mmsearch.run("-q", "migrate", "--rollback").code == 0


def _restore(line: str, desk: Desk) -> None:
    """Bring back what an example removed or changed, and remove what it made."""
    shutil.rmtree(desk.mmsearch.folder / "backups", ignore_errors=True)
    if "--to tuned" in line:
        assert desk.mmsearch.run("-q", "migrate", "--rollback").code == 0
    if "remove" in line:
        assert desk.mmsearch.run("-q", "index", "photos").code == 0
