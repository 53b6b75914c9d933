"""Runs commands under faults, each in a fork of this process, and judges what comes of them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.faults import shim
from tests.faults.children import Ended, in_child
from tests.faults.judging import error_line, judge_done, judge_end, judge_litter, judge_state
from tests.faults.replay import Disk, PowerLoss, after_power_loss
from tests.faults.scenes import SCENES, Scene, command
from tests.faults.shim import Event, Fault, Kind
from tests.faults.states import Inspection, State, goes_on, in_words, inspect, look


@dataclass(frozen=True, slots=True)
class Case:
    """A fault that befalls a command, in the files below one of its places."""

    scene: str
    place: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.scene} in {self.place}: {self.fault}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case: "done", "refused" or "killed"; and what is wrong with it."""

    outcome: str
    differences: tuple[str, ...]
    line: str = ""


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A command without faults: the states before and after, what it wrote, its file operations by
    place, and the home's files as they were before."""

    before: State
    after: State
    ended: Ended[int]
    events: dict[str, list[Event]]
    disk: Disk

    def kind_of(self, case: Case) -> Kind:
        """The kind of the event that a fault befalls, as far as runs are alike."""
        counted = [event.kind for event in self.events[case.place] if event.kind & case.fault.kinds]
        return counted[case.fault.at - 1]


class Bench:
    """A folder in which commands are run over and over; not to be used by two threads.

    The index lies at one place always, as catalogues know folders by their whole path.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.work = folder / "work"
        self._known: dict[str, Undisturbed] = {}

    def warm_up(self) -> None:
        """Import what commands need before there are forks to import it each anew."""
        shutil.rmtree(self.work, ignore_errors=True)
        scene = SCENES["index-more"]
        scene.prepare(self.work)
        inspect(self.work, scene)

    def undisturbed(self, name: str) -> Undisturbed:
        """How a scene's command runs when nothing is amiss."""
        if name not in self._known:
            self._known[name] = self._watch(SCENES[name])
        return self._known[name]

    def set_up(self, name: str) -> None:
        """Make the work folder what the scene's command finds."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self._folder / f"template-{name}", self.work)

    def run(self, case: Case) -> Verdict:
        """What comes of a case."""
        known = self.undisturbed(case.scene)
        self.set_up(case.scene)
        scene = SCENES[case.scene]

        def befallen() -> int:
            shim.arm(self.work / case.place, case.fault)
            try:
                return command(self.work, scene.arguments(self.work))
            finally:
                shim.arm(Path(), shim.NO_FAULT)

        ended = in_child(befallen, self._folder)
        outcome, differences = judge_end(case.scene, case.fault, ended)
        if outcome == "done" and scene.reads and case.place == "home":
            same = ended.stdout == known.ended.stdout or scene.name in ("backup", "status")
            differences += [] if same else ["it answers otherwise"]
        found = self._inspected(scene, known)
        if isinstance(found, str):
            return Verdict(outcome, (*differences, found), error_line(ended.stderr))
        differences += judge_state(found, known.before, known.after)
        differences += judge_litter(case.fault, known.kind_of(case), found.litter)
        if outcome == "done":
            differences += judge_done(case.fault, found.left, known.after, ended.stderr)
        return Verdict(outcome, tuple(differences), error_line(ended.stderr))

    def lose_power(self, loss: PowerLoss) -> tuple[str, ...]:
        """What is wrong with an index once power failed."""
        known = self.undisturbed(loss.scene)
        self.set_up(loss.scene)
        disk = after_power_loss(known.disk, known.events["home"], loss)
        shutil.rmtree(self.work / "home", ignore_errors=True)
        disk.write_to(self.work / "home")
        found = self._inspected(SCENES[loss.scene], known)
        if isinstance(found, str):
            return (found,)
        wrong = judge_state(found, known.before, known.after)
        shutil.rmtree(self.work / "home", ignore_errors=True)
        disk.write_to(self.work / "home")
        kept = sorted(known.before.pictures & known.after.pictures)
        if not kept:
            return tuple(wrong)
        further = in_child(lambda: goes_on(self.work, kept[0][0]), self._folder)
        wrong += further.result if further.result is not None else (further.stderr[-500:],)
        return tuple(wrong)

    def set_clock_back(self, name: str, offset_s: int, step_s: int) -> tuple[str, ...]:
        """What is wrong where the clock stands elsewhere, and goes back at each look."""
        known = self.undisturbed(name)
        self.set_up(name)

        def early() -> int:
            shim.set_clock(offset_s, step_s)
            return command(self.work, SCENES[name].arguments(self.work))

        ended = in_child(early, self._folder)
        found = self._inspected(SCENES[name], known)
        if ended.result != 0 or isinstance(found, str):
            return (f"exit {ended.result}: {ended.stderr}", str(found))
        wrong = judge_state(found, known.before, known.after)
        wrong += [] if found.left == known.after else ["the clock makes a difference"]
        return tuple(wrong)

    def _inspected(self, scene: Scene, known: Undisturbed) -> Inspection | str:
        """What a fault left; or, in a line, why it cannot even be looked at."""

        def look_at() -> Inspection | str:
            try:
                return inspect(self.work, scene, known.after)
            except Exception as exc:  # noqa: BLE001 - any is a finding
                return in_words(exc)

        ended = in_child(look_at, self._folder)
        return f"it died: {ended.stderr[-500:]}" if ended.result is None else ended.result

    def _watch(self, scene: Scene) -> Undisturbed:
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        made = in_child(lambda: scene.prepare(self.work), self._folder)
        assert not made.stderr, made.stderr
        shutil.copytree(self.work, self._folder / f"template-{scene.name}")
        before = in_child(lambda: look(self.work), self._folder).result
        assert before is not None
        events = {}
        for place in scene.places:
            self.set_up(scene.name)
            if place == "home":
                disk = Disk.of(self.work / "home") if (self.work / "home").exists() else Disk()
            log = self._folder / "log"
            ended = in_child(lambda: self._logged(scene, self.work / place, log), self._folder)  # noqa: B023 - done at once
            assert ended.result == 0, ended.stderr
            events[place] = list(shim.read_log(log))
        after = in_child(lambda: look(self.work), self._folder)
        assert after.result is not None, after.stderr
        return Undisturbed(before, after.result, ended, events, disk)

    def _logged(self, scene: Scene, place: Path, log: Path) -> int:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        shim.arm(place, shim.NO_FAULT)
        shim.log_to(descriptor)
        code = command(self.work, scene.arguments(self.work))
        shim.log_to(-1)
        shim.arm(Path(), shim.NO_FAULT)
        return code
