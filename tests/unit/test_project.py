"""What the repository promises in several places stays the same in all of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_ci_runs_the_readmes_own_test_command() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    commands = re.findall(r"^python3 -m venv .*pytest.*$", readme, flags=re.MULTILINE)
    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text("utf-8")


def test_every_dependency_is_imported_somewhere_in_the_package() -> None:
    """A dependency that nothing imports costs every user an installation."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    names = {re.split(r"[^A-Za-z0-9_-]", line)[0] for line in project["dependencies"]}
    modules = {"open-clip-torch": "open_clip", "faiss-cpu": "faiss", "faiss-gpu": "faiss"}
    modules |= {"pillow": "PIL", "pillow-heif": "pillow_heif", "pydantic": "pydantic"}
    sources = "\n".join(file.read_text("utf-8") for file in (ROOT / "mmsearch").rglob("*.py"))
    for name in sorted(names):
        module = modules.get(name, name.replace("-", "_"))
        assert re.search(rf"(?m)(^\s*(import|from) |\"){module}\b", sources), name
