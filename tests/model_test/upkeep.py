"""The model of what changes an index as a whole: remove, migrate, roll back, drop a model."""

from __future__ import annotations

from tests.model_test.contents import Contents
from tests.model_test.disk import Disk
from tests.model_test.indexing import Refused
from tests.model_test.state import State, is_below


def remove(state: State, path: str) -> None:
    """Forget a file, or a folder with the roots that lie wholly inside.

    Raises:
        Refused: There is no index.
    """
    needs_index(state)
    state.drop_rows([row for row in state.rows if is_below(row, path)])
    state.failures = {bad: why for bad, why in state.failures.items() if not is_below(bad, path)}
    state.roots = {root: on for root, on in state.roots.items() if not is_below(root, path)}
    state.drop_orphans()


def migrate(state: State, disk: Disk, contents: Contents, model: str, *, partial: bool) -> None:
    """Embed all there is for a model, and make it the default if nothing is missing.

    Raises:
        Refused: There is no index.
    """
    needs_index(state)
    state.add_space(model)
    if state.default == model:
        return
    _embed_pictures(state, disk, contents, model)
    for texts in state.captions():
        for spaces in texts.values():
            spaces.add(model)
    used = {row.digest for row in state.rows.values()}
    if partial or all(model in state.contents[digest] for digest in used):
        state.switch(model)


def roll_back(state: State) -> None:
    """Make the model from before the last switch the default again.

    Raises:
        Refused: There is no index, or no such model.
    """
    needs_index(state)
    if state.previous is None:
        raise Refused("CatalogueError")
    state.switch(state.previous)


def drop(state: State) -> None:
    """Take out the one model that is not the default.

    Raises:
        Refused: There is no index, or no other model.
    """
    needs_index(state)
    others = [model for model in state.spaces if model != state.default]
    if not others:
        raise Refused("QueryError")
    [model] = others
    state.spaces.remove(model)
    state.previous = None if state.previous == model else state.previous
    forget_embeddings(state, model, 1, 0)


def forget_embeddings(state: State, model: str, one_in: int, rest: int) -> None:
    """Take out the embeddings of a model of every so-manieth item, counted by age."""
    for digest, item in state.content_ids.items():
        if item % one_in == rest:
            state.contents[digest].discard(model)
    if one_in == 1:
        for texts in state.captions():
            for spaces in texts.values():
                spaces.discard(model)


def _embed_pictures(state: State, disk: Disk, contents: Contents, model: str) -> None:
    """Read each picture that lacks an embedding: its oldest file, or a copy where that is gone."""
    seen = disk.visible()
    for digest in [one for one, spaces in state.contents.items() if model not in spaces]:
        places = [path for path, _ in state.rows_of(digest) if path in seen]
        if not places:
            continue
        found = seen[places[0]].digest
        if not contents.seen(found).reason and found in state.contents:
            state.contents[found].add(model)


def needs_index(state: State) -> None:
    """Pass where there is an index.

    Raises:
        Refused: There is none.
    """
    if not state.exists:
        raise Refused("CatalogueError")
