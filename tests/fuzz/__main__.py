"""`python -m tests.fuzz TARGET --minutes 10`: searches for inputs that fail, with atheris.

Inputs that fail are written to `tests/fuzz/kept/TARGET/`, where plain test runs replay them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import KEPT, TARGETS, Target

_MEMORY_MB = 2048
_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Search:
    """What to search, how long, and where the inputs that led further are kept."""

    target: Target
    minutes: float
    corpus: Path


def main() -> None:
    """Search until the time is over or an input fails; does not return."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--corpus", type=Path, help="kept from one search to the next")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmsearch-corpus-") as scratch:
        corpus = given.corpus or Path(scratch)
        run(Search(TARGETS[given.target], given.minutes, corpus))


def run(search: Search) -> None:
    """Let atheris search; it ends the process."""
    import atheris

    target = search.target
    with atheris.instrument_imports(include=list(target.instruments), enable_loader_override=False):
        check, inputs = target.check, target.seeds()
        for data in inputs:  # what is imported late is instrumented as well
            check(data)
    inputs += target.shared_seeds()
    atheris.Setup(_arguments(search, inputs), check)
    atheris.Fuzz()


def _arguments(search: Search, inputs: list[bytes]) -> list[str]:
    """libFuzzer's command line; the corpus starts with `inputs`."""
    search.corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (search.corpus / f"seed-{number:04}").write_bytes(data)
    kept = KEPT / search.target.name
    kept.mkdir(parents=True, exist_ok=True)
    words = search.corpus.parent / f"{search.corpus.name}.words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in search.target.words), "ascii")
    return [
        sys.argv[0],
        str(search.corpus),
        f"-dict={words}",
        f"-artifact_prefix={kept}/",
        f"-max_total_time={round(search.minutes * 60)}",
        f"-max_len={search.target.max_bytes}",
        f"-rss_limit_mb={_MEMORY_MB}",
        f"-timeout={_TIMEOUT_S}",
        "-print_final_stats=1",
        "-close_fd_mask=0",
    ]


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


main()
