"""Does operations to a real library and to its model, and looks for differences after each."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from dataclasses import replace
from typing import cast

from tests.model_test import compare, upkeep
from tests.model_test.actions import (
    Outcome,
    Places,
    asked,
    open_library,
    perform,
    write_captions,
)
from tests.model_test.backups import Backups
from tests.model_test.catalogue_file import CatalogueReader
from tests.model_test.checks import Verifier, optimized_in_part
from tests.model_test.contents import Content, Contents
from tests.model_test.disk import Disk
from tests.model_test.indexing import IndexModel, Refused
from tests.model_test.operations import DISK_KINDS, MODELS, Arguments, Operation
from tests.model_test.questions import Asker, Question
from tests.model_test.state import State
from tests.model_test.vector_damage import VectorDamage
from tests.model_test.zygote import Zygote

VERIFIED_EVERY = 8
_OTHER_MODEL_SHARE = 0.2
_WHOLE = frozenset(("remove", "roll_back", "drop", "restore", "backup", "repair", "optimize"))
"""What is one transaction, or one step: stopped anywhere, it is not done or done."""


class Machine:
    """One index with its pictures, its model, and a library that stays open all the while."""

    def __init__(self, places: Places, zygote: Zygote, seed: int) -> None:
        self.places = places
        self.contents = Contents()
        self.disk = Disk(self.places.photos, self.contents)
        self.state = State()
        self.counts: Counter[str] = Counter()
        self._zygote = zygote
        self._rng = random.Random(seed)
        self._library = open_library(self.places)
        self._reader = CatalogueReader(self.places.catalogue, self.contents)
        self._backups = Backups(self.places)
        self._vectors = VectorDamage(self.places.index_dir / "vectors")
        self._index_counts: dict[str, int] = {}
        self._n_steps = 0

    def close(self) -> None:
        """Close the library."""
        self._library.close()

    def step(self, operation: Operation) -> list[str]:
        """Do one operation; all that is not as it should be afterwards."""
        self._n_steps += 1
        self.counts[operation.kind] += 1
        if operation.kind in DISK_KINDS:
            self._change_disk(operation.kind, operation.arguments)
            wrong = self._settle(self.state)
        elif operation.kind == "lose_vectors":
            self._library.close()  # a file that is mapped is not to be written over
            self._vectors.do(**operation.arguments)  # type: ignore[arg-type]  # what `Draw` drew
            wrong = self._settle(self.state)
        elif operation.kind == "damage":
            wrong = self._damage(cast("int", operation.arguments["rest"]))
        elif operation.kind == "together":
            wrong = self._do_together(operation)
        elif operation.kind == "verify":
            wrong = self._settle(self.state) or self._verify()
        else:
            wrong = self._change_index(operation)
        if not wrong:
            wrong = self._ask()
        if not wrong and self._n_steps % VERIFIED_EVERY == 0:
            wrong = self._verify()
        self._vectors.count(self.counts)
        return wrong

    def _change_disk(self, kind: str, arguments: Arguments) -> None:
        if kind == "write":
            for shape in cast("list[dict[str, str | int]]", arguments["files"]):
                content = Content(str(shape["kind"]), str(shape["colour"]), int(shape["seed"]))
                same_stamp = bool(shape["same_stamp"])
                self.disk.write(str(shape["name"]), content, same_stamp=same_stamp)
            return
        getattr(self.disk, kind)(**arguments)

    def _change_index(self, operation: Operation) -> list[str]:
        old, new = self.state, self.state.copied()
        refusal = self._refusal(operation, new)
        counts = self._index_counts
        outcome = self._do(operation)
        if outcome.error and outcome.error == refusal:
            return self._settle(new)
        if _is_partial(operation, outcome):
            return self._stopped(operation, outcome, old, new)
        if refusal or not outcome.ended_well:
            return [f"expected {refusal or 'a good end'}, found {outcome}"]
        wrong = []
        if outcome.counts and outcome.counts != counts:
            wrong = [f"the summary says {outcome.counts}, not {counts}"]
        if operation.kind == "backup":
            self._backups.made(operation.arguments, new)
        elif operation.kind == "repair":
            self._vectors.repaired(len(new.spaces))
        elif operation.kind == "optimize":
            wrong += optimized_in_part(self._library)
        elif operation.kind == "restore":
            self._vectors.mended()
            self._backups.take_restore_point(old)
        return wrong + self._settle(new)

    def _refusal(self, operation: Operation, new: State) -> str:
        """Bring the model to what must be after an operation; the error that is due, or none."""
        try:
            self._model(operation, new)
        except Refused as exc:
            return str(exc)
        return ""

    def _model(self, operation: Operation, new: State) -> None:
        arguments = operation.arguments
        match operation.kind:
            case "index":
                ask = asked(self.places, arguments)
                run = IndexModel(new, self.disk, self.contents)
                self._index_counts = run.counts
                run.run(ask)
            case "remove":
                upkeep.remove(new, self.disk.path(cast("str", arguments["path"])))
            case "migrate":
                model, partial = cast("str", arguments["model"]), bool(arguments["partial"])
                upkeep.migrate(new, self.disk, self.contents, model, partial=partial)
            case "roll_back":
                upkeep.roll_back(new)
            case "drop":
                upkeep.drop(new)
            case "backup":
                self._backups.make_room(arguments, new)
            case "restore":
                self._backups.restore(arguments, new)
            case _:
                upkeep.needs_index(new)

    def _do(self, operation: Operation) -> Outcome:
        """Do an operation to the real index, by whom it says."""
        if operation.kind == "index":
            write_captions(self.places, asked(self.places, operation.arguments).captions)
        if operation.kind == "restore":
            self._library.close()  # nobody else may have it open
            self._vectors.forget()
        if operation.how == "child":
            [outcome] = self._zygote.run(self.places, [operation])
            how = "killed" if outcome.killed else "refused" if outcome.error else "survived"
            self.counts[f"{operation.plan.get('kind')} {how}"] += 1
            return outcome
        model = operation.arguments.get("model") if operation.kind == "index" else None
        if operation.how == "long" and model is None:
            return perform(self._library, self.places, operation)
        with open_library(self.places, cast("str | None", model)) as library:
            return perform(library, self.places, operation)

    def _stopped(self, operation: Operation, outcome: Outcome, old: State, new: State) -> list[str]:
        """Look at what a run left that was killed or had no room."""
        if "\n" in outcome.message:
            return [f"the error takes more than a line: {outcome.message}"]
        if operation.kind == "backup":
            self._backups.look_at(operation.arguments, new)
        found = self._reader.read()
        from_old, from_new = compare.differences(old, found), compare.differences(new, found)
        left = "nothing new" if not from_old else "all" if not from_new else "parts"
        self.counts[f"stopped runs that left {left}"] += 1
        if left == "parts":
            parts = compare.strange_parts([old, new], found)
            return self._adopted(found, from_old if operation.kind in _WHOLE else parts)
        return self._adopted(found, [])

    def _do_together(self, operation: Operation) -> list[str]:
        """Two operations at once: what is left is of one after the other, in either order."""
        shapes = cast("list[Arguments]", operation.arguments["operations"])
        both = [Operation.of(shape) for shape in shapes]
        before = self.state.copied()
        ends = [self._after(both), self._after(both[::-1])]
        parts = [before, self._after(both[:1]), self._after(both[1:]), *ends]
        outcomes = self._zygote.run(self.places, both)
        if strange := [one for one in outcomes if one.strange]:
            return [f"one of two at once: {one}" for one in strange]
        self.counts["together killed"] += sum(one.killed for one in outcomes)
        self.counts["together refused"] += sum(bool(one.error) for one in outcomes)
        is_whole = all(one.ended_well for one in outcomes) and not any(one.plan for one in both)
        # A run keeps the model it began with, though another one switches meanwhile.
        is_plain = {one.kind for one in both} == {"index"}
        for one, outcome in zip(both, outcomes, strict=True):
            if one.kind == "backup":
                self._backups.forget(one.arguments, outcome)
        found = self._reader.read()
        allowed = ends if is_whole and is_plain else parts
        return self._adopted(found, compare.strange_parts(allowed, found, ids=False))

    def _after(self, operations: list[Operation]) -> State:
        """The state after some operations, of those that are refused what they leave."""
        state = self.state.copied()
        for operation in operations:
            self._refusal(operation, state)
        return state

    def _damage(self, rest: int) -> list[str]:
        """Spoil every third embedding behind the library's back, then let it be repaired."""
        new = self.state.copied()
        if new.exists and new.default is not None:
            with sqlite3.connect(self.places.catalogue, timeout=60) as raw:
                raw.execute(
                    "UPDATE image_embeddings SET embedding = zeroblob(length(embedding)) "
                    "WHERE item_id % 3 = ? AND space_id = (SELECT default_space_id FROM meta)",
                    (rest,),
                )
            raw.close()
            upkeep.forget_embeddings(new, new.default, 3, rest)
        refusal = "" if new.exists else "CatalogueError"
        outcome = perform(self._library, self.places, Operation("repair"))
        if outcome.error != refusal or outcome.strange:
            return [f"repair: expected {refusal or 'a good end'}, found {outcome}"]
        self._vectors.repaired(len(new.spaces))
        return self._settle(new)

    def _settle(self, expected: State) -> list[str]:
        """Compare the catalogue with what it must hold, and take over its ids."""
        found = self._reader.read()
        return self._adopted(found, compare.differences(expected, found))

    def _adopted(self, found: State, wrong: list[str]) -> list[str]:
        if not wrong:
            self.state = found
        return [*wrong, *self._reader.problems]

    def _ask(self) -> list[str]:
        """Ask the same of a new library and of the one that stays open."""
        question = Question.drawn(self._rng, self.disk)
        asker = Asker(self.state, self.disk, self.contents)
        wrong = [f"long-lived: {what}" for what in asker.wrong(self._library, question)]
        if self._rng.random() < _OTHER_MODEL_SHARE:
            question = replace(question, model=self._rng.choice(MODELS))
        with open_library(self.places, question.model) as library:
            wrong += [f"fresh: {what}" for what in asker.wrong(library, question)]
        self.counts["answers by lists"] += asker.n_inexact
        return wrong

    def _verify(self) -> list[str]:
        verifier = Verifier(self.state, self.disk)
        return list(verifier.wrong(self._library, doubtful_vectors=self._vectors.doubtful))


def _is_partial(operation: Operation, outcome: Outcome) -> bool:
    """Whether an operation may have been done in part: it was stopped, or had no room."""
    if outcome.killed or outcome.interrupted:
        return True
    kind = operation.plan.get("kind")
    return (kind == "full" and bool(outcome.error)) or (kind == "interrupt" and outcome.ended_well)
