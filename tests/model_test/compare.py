"""Differences between the model and the catalogue, and what a stopped run may leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tests.model_test.state import Row, State


def differences(expected: State, found: State) -> list[str]:
    """All in which the catalogue is not what the model says; ids not learned yet are free."""
    return [*_plain(expected, found), *_rows(expected, found), *_ids(expected, found)]


def strange_parts(allowed: Sequence[State], found: State, *, ids: bool = True) -> list[str]:
    """What a run may not leave that was stopped, or had company.

    `allowed` are the states of which it may leave parts; the first is that from before, if it may
    have done nothing. Every row, failure and caption is wholly as in one of them; none is
    lost that all have; an embedding is there if all have it, and only if one has. Without `ids`
    these may differ.
    """
    return [
        *_either("exists", [state.exists for state in allowed], found.exists),
        *_either("default", [state.default for state in allowed], found.default),
        *_either("previous", [state.previous for state in allowed], found.previous),
        *_between("model", [set(state.spaces) for state in allowed], set(found.spaces)),
        # While it looks, a run takes each root that it was told to look at for on line.
        *_between("root", [set(state.roots) for state in allowed], set(found.roots)),
        *_entries("failure", [state.failures for state in allowed], found.failures),
        *_entries("row", [_stats(state) for state in allowed], _stats(found)),
        *_parts("picture", [state.contents for state in allowed], found.contents),
        *_parts("free caption", [state.free for state in allowed], found.free),
        *_stopped_captions(allowed, found),
        *_unembedded(allowed[0], found),
        *(_learned(allowed[0], found) if ids else ()),
    ]


def _plain(expected: State, found: State) -> Iterator[str]:
    names = ("exists", "roots", "failures", "contents", "free", "default", "previous")
    for name in names:
        one, other = getattr(expected, name), getattr(found, name)
        if one != other:
            yield f"{name}: {_short(one, other)}"
    if sorted(expected.spaces) != sorted(found.spaces):
        yield f"models: expected {expected.spaces}, found {found.spaces}"


def _rows(expected: State, found: State) -> Iterator[str]:
    for path in sorted(expected.rows.keys() | found.rows.keys()):
        one, other = expected.rows.get(path), found.rows.get(path)
        if one is None or other is None or _without_id(one) != _without_id(other):
            yield f"row {path}: expected {one}, found {other}"


def _ids(expected: State, found: State) -> Iterator[str]:
    """Ids that changed, or were given twice."""
    yield from _learned(expected, found)
    for path, row in found.rows.items():
        known = expected.rows.get(path)
        if known is None or known.media_id is None or row.media_id is None:
            continue
        if known.media_id != row.media_id:
            yield f"row {path}: its id was {known.media_id} and is {row.media_id}"


def _learned(expected: State, found: State) -> Iterator[str]:
    """Content ids that changed, and new ids that are not higher than all before."""
    for digest, item in found.content_ids.items():
        known = expected.content_ids.get(digest)
        if known is not None and known != item:
            yield f"picture {digest}: its id was {known} and is {item}"
        if known is None and item <= expected.last_ids[1]:
            yield f"picture {digest}: id {item} was given before"
    known_ids = {row.media_id for row in expected.rows.values()}
    for path, row in found.rows.items():
        if row.media_id not in known_ids and (row.media_id or 0) <= expected.last_ids[0]:
            yield f"row {path}: id {row.media_id} was given before"


def _either(what: str, allowed: Sequence[object], found: object) -> Iterator[str]:
    if found not in allowed:
        yield f"{what}: {found} is none of {allowed}"


def _between(what: str, allowed: Sequence[set[str]], found: set[str]) -> Iterator[str]:
    if lost := set.intersection(*allowed) - found:
        yield f"{what}: lost {sorted(lost)}"
    if strange := found.difference(*allowed):
        yield f"{what}: not expected are {sorted(strange)}"


def _entries(
    what: str, allowed: Sequence[Mapping[str, object]], found: Mapping[str, object]
) -> Iterator[str]:
    yield from _between(what, [set(state) for state in allowed], set(found))
    for key, value in found.items():
        values = [state[key] for state in allowed if key in state]
        if values:
            yield from _either(f"{what} {key}", values, value)


def _parts(
    what: str, allowed: Sequence[Mapping[str, set[str]]], found: Mapping[str, set[str]]
) -> Iterator[str]:
    """Items with the models that embed them; what was not there before may lack all of them."""
    yield from _between(what, [set(state) for state in allowed], set(found))
    for key, spaces in found.items():
        held = [state[key] for state in allowed if key in state]
        if held:
            held += [] if key in allowed[0] else [set()]
            yield from _between(f"{what} {key}", held, spaces)


def _stopped_captions(allowed: Sequence[State], found: State) -> Iterator[str]:
    """Captions follow their row, which is known by its id; one that is new, by its path."""
    before, *others = [_captions_by_id(state) for state in allowed]
    for path, row in found.rows.items():
        known = [before.get(row.media_id) or {}]
        for state, by_id in zip(allowed[1:], others, strict=True):
            if row.media_id in by_id:
                known.append(by_id[row.media_id])
            elif path in state.rows and state.rows[path].media_id is None:
                known.append(state.rows[path].captions)
        yield from _parts(f"caption of {path}", known, row.captions)


def _unembedded(old: State, found: State) -> Iterator[str]:
    """New pictures that came without an embedding, which is of the same transaction."""
    for digest, spaces in found.contents.items():
        if not spaces and digest not in old.contents:
            yield f"picture {digest} came without an embedding"


def _captions_by_id(state: State) -> dict[int | None, dict[str, set[str]]]:
    rows = state.rows.values()
    return {row.media_id: row.captions for row in rows if row.media_id is not None}


def _stats(state: State) -> dict[str, tuple[str, int, int]]:
    return {path: _stat(row) for path, row in state.rows.items()}


def _stat(row: Row) -> tuple[str, int, int]:
    return row.digest, row.size_bytes, row.mtime_ns


def _without_id(row: Row) -> Row:
    return replace(row, media_id=None)


def _short(expected: object, found: object) -> str:
    """Two values that differ; of dictionaries only the entries in which they do."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [k for k in expected | found if expected.get(k) != found.get(k)]
        shown = {key: (expected.get(key), found.get(key)) for key in keys[:5]}
        return f"(expected, found) of {len(keys)} keys: {shown}"
    return f"expected {expected}, found {found}"
