"""Runs `mmsearch` as a user does: a process of its own, in a pipe or on a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SCRIPT = Path(sys.executable).with_name("mmsearch")
HEAVY = (
    *("torch", "faiss", "open_clip", "sqlalchemy", "pydantic", "openvino", "numpy", "rich"),
    *("fastapi", "uvicorn", "httpx2"),
)
TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Finished:
    """One finished run: exit code and what it wrote."""

    code: int
    out: bytes
    err: bytes = b""

    @property
    def text(self) -> str:
        """Stdout as text."""
        return self.out.decode()

    @property
    def notes(self) -> str:
        """Stderr as text."""
        return self.err.decode()

    def objects(self) -> list[dict[str, object]]:
        """Stdout as JSON, one object a line; anything else on stdout fails."""
        return [json.loads(line) for line in self.text.splitlines()]


@dataclass(frozen=True, slots=True)
class Mmsearch:
    """The command with an environment and a current folder of its own."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, *arguments: str | Path, **popen: object) -> subprocess.Popen[bytes]:
        """A started process; its streams are pipes unless given."""
        streams = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **popen,
        }
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [SCRIPT, *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            **streams,
        )

    def run(self, *arguments: str | Path) -> Finished:
        """A run in a pipe."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=TIMEOUT_S)
        return Finished(process.returncode, out, err)

    def shell(self, line: str) -> Finished:
        """A line of shell that finds `mmsearch` first on its path."""
        path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.folder,
            env={**os.environ, **self.environment, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def run_on_terminal(self, *arguments: str | Path, columns: int = 100) -> Finished:
        """A run whose stdout and stderr are one terminal of `columns` columns."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (50, columns))
        process = self.start(*arguments, stdout=theirs, stderr=theirs)
        os.close(theirs)
        written = _read_all(ours, time.monotonic() + TIMEOUT_S)
        return Finished(process.wait(timeout=TIMEOUT_S), written)

    def run_asked(self, answer: bytes, *arguments: str | Path) -> Finished:
        """A run at a terminal, where somebody types `answer`; stdout goes to a pipe."""
        ours, theirs = pty.openpty()
        process = self.start(*arguments, stdin=theirs, stderr=theirs)
        os.close(theirs)
        os.write(ours, answer)
        seen = _read_all(ours, time.monotonic() + TIMEOUT_S)
        out, _ = process.communicate(timeout=TIMEOUT_S)
        return Finished(process.returncode, out, seen)

    def imported(self, *arguments: str | Path) -> set[str]:
        """The heavy libraries that one run imports."""
        done = subprocess.run(
            [sys.executable, "-X", "importtime", SCRIPT, *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_S,
        )
        lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
        loaded = {line.rpartition("|")[2].strip() for line in lines}
        assert "mmsearch.cli.app" in loaded
        return {name for name in HEAVY if name in loaded}


def _read_all(terminal: int, deadline: float) -> bytes:
    """Everything written to the terminal until its last writer closes it."""
    parts = []
    try:
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.5)[0]:
                part = os.read(terminal, 65536)
                if not part:
                    break
                parts.append(part)
    except OSError:  # Linux reports the end of a terminal as an input/output error
        pass
    finally:
        os.close(terminal)
    return b"".join(parts)
