"""Whether a command under a fault did as it should: what it said, what it left."""

from __future__ import annotations

from tests.faults.children import Ended
from tests.faults.shim import Fault, Kind, Mode
from tests.faults.states import NOTHING, Inspection, State

_MISLEADING = ("no index", "no catalogue", "is empty", "no file or folder", "nothing is indexed")
_SIGKILL = 9
_TELLS_ON_STDOUT = ("verify", "migrate")


def error_line(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.startswith("mmsearch: error:")]
    return lines[-1] if lines else ""


def judge_end(scene: str, fault: Fault, ended: Ended[int]) -> tuple[str, list[str]]:
    """How the command ended, and what is wrong with that."""
    if ended.signal == _SIGKILL and fault.mode in (Mode.KILL, Mode.TORN, Mode.LOST):
        return "killed", []
    if ended.signal or ended.result is None:
        return "died", [f"it died of signal {ended.signal}: {ended.stderr[-500:]}"]
    wrong: list[str] = []
    if "Traceback" in ended.stderr or "Exception ignored" in ended.stderr:
        wrong.append(f"a traceback: {ended.stderr[-800:]}")
    if ended.result == 0:
        return "done", wrong
    lines = [line for line in ended.stderr.splitlines() if "mmsearch: error:" in line]
    if len(lines) != 1:
        if ended.result == 1 and ended.stdout and scene in _TELLS_ON_STDOUT:
            return "refused", wrong  # what is amiss is on stdout
        return "refused", [*wrong, f"exit {ended.result}, {len(lines)} lines: {ended.stderr}"]
    return "refused", wrong + _judge_line(lines[0])


def _judge_line(line: str) -> list[str]:
    """What is wrong with the one line that a command was refused with."""
    wrong: list[str] = []
    if "unexpected" in line:
        wrong.append(f"an unexpected error: {line}")
    if "/work/" not in line:
        wrong.append(f"it does not say where: {line}")
    if not any(mark in line for mark in ("; ", "): ", ": ")) or line.rstrip().endswith("'"):
        wrong.append(f"it does not say what to do: {line}")
    if any(words in line for words in _MISLEADING):
        wrong.append(f"it misleads: {line}")
    return wrong


def judge_state(found: Inspection, before: State, after: State) -> list[str]:
    """What is wrong with what the command left."""
    wrong = list(found.differences)
    kept, known_at_all = before.pictures & after.pictures, before.pictures | after.pictures
    if not kept <= found.left.pictures:
        lost = sorted(path for path, _ in kept - found.left.pictures)
        wrong.append(f"lost: {lost}")
    if not found.left.pictures <= known_at_all:
        wrong.append("it holds what it never should")
    if not before.captions & after.captions <= found.left.captions:
        wrong.append("lost captions")
    if found.left.model not in (before.model, after.model, None):
        wrong.append(f"questions use {found.left.model}")
    if found.left.model is None and before != NOTHING:
        wrong.append("questions have no model")
    if found.healed != after:
        wrong.append("the same command once more gives another result")
    return wrong


def judge_done(fault: Fault, found: State, after: State, stderr: str) -> list[str]:
    """What is wrong where the command says that all is done: it is, or what is not was named."""
    missing = {path for path, _ in after.pictures - found.pictures}
    named = _named_in(stderr)
    told = found.failed | named
    silent = [path for path in missing if not any(path.startswith(place) for place in told)]
    wrong = [f"silently left out: {path}" for path in sorted(silent)]
    if not (named or found.failed - after.failed) and found != after:
        wrong.append(f"it says it is done, and is not, after {fault}")
    return wrong


def judge_litter(fault: Fault, kind: Kind, litter: tuple[str, ...]) -> list[str]:
    """Temporary files that are left though the disk failed once, and not at removing them."""
    if not litter or fault.mode is not Mode.ONCE or kind is Kind.UNLINK:
        return []
    return [f"litter: {litter}"]


def _named_in(stderr: str) -> set[str]:
    """The paths in what was said."""
    return {word for word in stderr.replace(":", " ").split() if word.startswith("/")}
