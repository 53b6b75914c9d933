"""A process without threads that forks another for each operation which may have to die.

Forking where threads run is unsafe, and starting Python anew takes a second. So one process
loads all that the library needs, does each thing once, and waits: for a line of JSON that says
what its children are to do. It answers with a line that says how each ended.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mmsearch.closing import Closing
from tests.large_index import lower_thresholds
from tests.model_test.actions import Outcome, Places, open_library, perform, settings_of
from tests.model_test.killing import Plan
from tests.model_test.operations import Operation

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 120.0
_PAUSE_S = 0.0002


class Zygote(Closing):
    """The process that forks, as the test sees it."""

    def __init__(self) -> None:
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        ours = {name: value for name, value in os.environ.items() if "MMSEARCH_" not in name}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=ROOT,
            env={**ours, **single},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is not None and self._stream(self._process.stdin).closed:
            return
        self._stream(self._process.stdin).close()
        self._process.wait(timeout=_PATIENCE_S)
        self._stream(self._process.stdout).close()

    def run(self, places: Places, operations: list[Operation]) -> list[Outcome]:
        """How each of some operations ended that were done at once, each in a process."""
        shapes = [one.shape() for one in operations]
        line = {"top": str(places.top), "large": places.large, "operations": shapes}
        stdin = self._stream(self._process.stdin)
        stdin.write(json.dumps(line) + "\n")
        stdin.flush()
        answer = self._stream(self._process.stdout).readline()
        return [Outcome(**shape) for shape in json.loads(answer)]

    def _stream(self, stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


@dataclass(slots=True)
class _Child:
    """A forked process: where it tells its outcome, and when it began."""

    pid: int
    answer: int
    plan: Plan
    started: float


class _Forks:
    """Forks children and kills them as planned; knows how long each kind of operation takes."""

    def __init__(self) -> None:
        self._typical_s: dict[str, float] = {}

    def run(self, places: Places, operations: list[Operation]) -> list[Outcome]:
        """The outcomes of operations that are done at once."""
        children = [self._fork(places, one) for one in operations]
        outcomes = []
        for child, operation in zip(children, operations, strict=True):
            killed = self._watch(child, places, operation.kind)
            with os.fdopen(child.answer) as stream:
                text = stream.read()
            if killed or not text:
                outcomes.append(Outcome(killed=True))
                continue
            took = time.perf_counter() - child.started
            before = self._typical_s.get(operation.kind, took)
            self._typical_s[operation.kind] = 0.7 * before + 0.3 * took
            outcomes.append(Outcome(**json.loads(text)))
        return outcomes

    def _fork(self, places: Places, operation: Operation) -> _Child:
        assert threading.active_count() == 1, "a process with threads is not to be forked"
        answer, tell = os.pipe()
        settings_of(places.home, _model(operation))  # before it forks, to be made but once
        plan = Plan(**operation.plan)  # type: ignore[arg-type]  # what `Draw` drew
        started = time.perf_counter()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # till the child can hear it
        pid = os.fork()
        if pid == 0:
            os.close(answer)
            _do(places, operation, plan, tell)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        os.close(tell)
        return _Child(pid, answer, plan, started)

    def _watch(self, child: _Child, places: Places, kind: str) -> bool:
        """Wait for the end of a child, or bring it about; whether it died by a signal."""
        log = places.catalogue.with_name(f"{places.catalogue.name}-wal")
        plan, interrupted = child.plan, False
        deadline = child.started + self._typical_s.get(kind, 0.05) * plan.share
        size, n_changes = _size(log), 0
        while True:
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                return os.WIFSIGNALED(status)
            if (now := _size(log)) != size:
                size, n_changes = now, n_changes + 1
            late = time.perf_counter() > deadline
            if plan.kind == "interrupt" and late and not interrupted:
                interrupted = True
                os.kill(child.pid, signal.SIGINT)
            is_due = (plan.kind == "after" and late) or (plan.kind == "log" and n_changes >= plan.n)
            if is_due or time.perf_counter() > child.started + _PATIENCE_S:
                os.kill(child.pid, signal.SIGKILL)
            time.sleep(_PAUSE_S)


def _do(places: Places, operation: Operation, plan: Plan, tell: int) -> None:
    """The whole life of a child."""
    try:
        if places.large:
            lower_thresholds()
        plan.arm(places.index_dir)
        library = open_library(places, _model(operation))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        outcome = perform(library, places, operation)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        library.close()
        os.write(tell, outcome.text().encode())
    except KeyboardInterrupt:
        os.write(tell, Outcome(interrupted=True).text().encode())
    except BaseException as exc:  # noqa: BLE001 - a fork must not go on as its parent
        os.write(tell, Outcome(strange=f"{type(exc).__name__}: {exc}").text().encode())
    finally:
        os._exit(0)


def _model(operation: Operation) -> str | None:
    """The model that a run is told to index with."""
    model = operation.arguments.get("model") if operation.kind == "index" else None
    return None if model is None else str(model)


def _size(file: Path) -> int:
    """The length of a file, -1 where it is not."""
    try:
        return file.stat().st_size
    except OSError:
        return -1


def _load_all(folder: Path) -> None:
    """Do each thing once in this process, so that all modules are there before it forks."""
    from tests.photos import photo

    places = Places(folder)
    photo(places.photos / "r0/x.png")
    (places.captions).write_text('{"caption": "red thing"}\n', "utf-8")
    with open_library(places) as library:
        for kind, arguments in (
            ("index", {"paths": ["r0"], "captions": [[None, "red thing"]]}),
            ("migrate", {"model": "other", "partial": False}),
            ("roll_back", {}),
            ("drop", {}),
            ("backup", {"number": 0}),
            ("restore", {"number": 0}),
            ("repair", {}),
            ("optimize", {}),
            ("remove", {"path": "r0"}),
        ):
            outcome = perform(library, places, Operation(kind, arguments))  # type: ignore[arg-type]  # literals
            assert outcome.ended_well, f"{kind}: {outcome}"


def main() -> None:
    """Answer lines until there are no more."""
    with tempfile.TemporaryDirectory() as folder:
        _load_all(Path(folder))
    logging.getLogger("mmsearch.vectors").setLevel(logging.ERROR)  # damaged files are meant
    forks = _Forks()
    for line in sys.stdin:
        asked = json.loads(line)
        operations = [Operation.of(shape) for shape in asked["operations"]]
        outcomes = forks.run(Places(Path(asked["top"]), asked["large"]), operations)
        answer = [json.loads(outcome.text()) for outcome in outcomes]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
