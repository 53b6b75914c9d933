"""A library that is broken on purpose is found out, and what shows it is made short."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmsearch.engine.indexer import Indexer
from mmsearch.engine.library import Library
from mmsearch.engine.records import Answer
from mmsearch.engine.request import QueryRequest
from mmsearch.engine.upkeep.library_upkeep import Upkeep
from tests.model_test.actions import Places
from tests.model_test.compare import strange_parts
from tests.model_test.machine import Machine
from tests.model_test.operations import Arguments, Operation
from tests.model_test.shrink import Kept, keep, kept, shrunk
from tests.model_test.state import Row, State
from tests.model_test.trials import replay
from tests.model_test.zygote import Zygote


def _written(*names: str) -> Operation:
    """An operation that writes a picture of its own to each name."""
    files: list[Any] = [
        {"name": name, "kind": "PNG", "colour": "red", "seed": seed, "same_stamp": False}
        for seed, name in enumerate(names)
    ]
    return Operation("write", {"files": files})


INDEX = Operation("index", {"paths": ["r0", "r1", "r2"]})
VERIFY = Operation("verify")


@pytest.fixture
def machine(tmp_path: Path, zygote: Zygote) -> Iterator[Machine]:
    """An index of three pictures that is as its model says."""
    machine = Machine(Places(tmp_path), zygote, seed=1)
    assert machine.step(_written("r0/1.png", "r0/s/2.png", "r1/3.png")) == []
    assert machine.step(INDEX) == []
    assert machine.step(VERIFY) == []
    yield machine
    machine.close()


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE media SET mtime_ns = mtime_ns + 1 WHERE path = '1.png'", "row .*/r0/1.png"),
        ("DELETE FROM media WHERE media_id = 1", "row .*: expected Row"),
        ("UPDATE media SET media_id = 77 WHERE media_id = 1", "its id was 1 and is 77"),
        ("INSERT INTO captions (text) VALUES ('strange')", "free: .*strange"),
        ("DELETE FROM image_embeddings WHERE item_id = 1", "contents"),
        ("UPDATE roots SET online = 0", "roots"),
        (
            "UPDATE image_embeddings SET embedding = (SELECT embedding FROM image_embeddings "
            "WHERE item_id = 1) WHERE item_id = 2",
            "the embedding of picture .* is not its own",
        ),
    ],
)
def test_a_catalogue_altered_behind_its_back_is_told(machine: Machine, sql: str, told: str) -> None:
    raw = sqlite3.connect(machine.places.catalogue)
    with raw:
        raw.execute(sql.replace("'1.png'", "CAST('1.png' AS BLOB)"))
    raw.close()
    wrong = machine.step(Operation("touch", {"name": "r2/none.png"}))
    assert any(_matches(told, what) for what in wrong), wrong


def test_answers_in_another_order_are_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Library.answer

    def reversed_answer(self: Library, request: QueryRequest) -> Answer:
        found = answer(self, request)
        return replace(found, hits=found.hits[::-1])

    monkeypatch.setattr(Library, "answer", reversed_answer)
    wrong = [what for _ in range(12) for what in machine.step(VERIFY)]
    assert any("not by falling score" in what for what in wrong), wrong


def test_an_error_that_is_due_to_nothing_is_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Upkeep, *arguments: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Upkeep, "repair", broken)
    (wrong,) = machine.step(Operation("repair"))
    assert "ZeroDivisionError" in wrong


def test_a_removal_that_is_skipped_is_found_shrunk_and_kept(
    zygote: Zygote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Indexer, "_apply_removals", lambda *_: None)
    operations = [
        _written("r0/1.png", "r0/2.png"),
        INDEX,
        Operation("unplug", {"root": "r2", "leaves_folder": False}),
        Operation("touch", {"name": "r0/2.png"}),
        Operation("delete", {"name": "r0/1.png"}),
        Operation("index", {"paths": ["r0"]}, "fresh"),
        VERIFY,
    ]
    trial = replay(operations, zygote)
    assert any("/r0/1.png: expected None" in what for what in trial.wrong), trial.wrong
    shortest = shrunk(trial.done, lambda some: bool(replay(some, zygote).wrong))
    assert [one.kind for one in shortest] == ["write", "index", "delete", "index"]
    assert len(shortest[0].arguments["files"]) == 1  # type: ignore[arg-type]  # a list
    file = keep(trial, shortest, tmp_path / "kept")
    assert kept(file) == Kept(trial.seed, shortest)


def test_what_a_killed_run_may_not_leave_is_told() -> None:
    old = State(
        exists=True,
        rows={"/r/a": Row("aa", 1, 1, {"x": {"fake"}}, media_id=1), "/r/b": Row("bb", 1, 1)},
        contents={"aa": {"fake"}, "bb": {"fake"}},
    )
    new = old.copied()
    new.rows["/r/b"] = Row("cc", 2, 2)
    new.contents = {"aa": {"fake"}, "cc": {"fake"}}
    assert strange_parts([old, new], old) == strange_parts([old, new], new) == []
    mixed = new.copied()
    mixed.rows["/r/b"] = Row("cc", 1, 2)
    lost = new.copied()
    del lost.rows["/r/a"]
    bare = new.copied()
    bare.contents["cc"] = set()
    uncaptioned = new.copied()
    uncaptioned.rows["/r/a"].captions.clear()
    for state, told in (
        (mixed, "row /r/b"),
        (lost, r"row: lost \['/r/a'\]"),
        (bare, "came without an embedding"),
        (uncaptioned, r"caption of /r/a: lost \['x'\]"),
    ):
        assert any(_matches(told, what) for what in strange_parts([old, new], state)), told


def test_a_list_is_shrunk_to_what_is_needed() -> None:
    operations = [Operation("touch", {"name": str(number)}) for number in range(40)]
    needed = {"3", "17", "31"}

    def fails(some: list[Operation]) -> bool:
        return needed <= {str(one.arguments["name"]) for one in some}

    names = [one.arguments["name"] for one in shrunk(operations, fails)]
    assert names == ["3", "17", "31"]


def test_operations_are_the_same_once_written_and_read() -> None:
    plan: Arguments = {"kind": "event", "n": 3}
    operation = Operation("index", {"paths": ["r0"]}, "child", plan)
    assert Operation.of(operation.shape()) == operation


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None
