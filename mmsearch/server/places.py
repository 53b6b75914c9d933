"""Paths that come from outside: only what lies at or below an indexed folder is touched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from mmsearch.server.problems import Problem, Refused

if TYPE_CHECKING:
    from mmsearch.engine.library import Library

PathText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=4096,
        pattern=r"^[^\x00]*$",
        description="An absolute path of the server, at or below an indexed folder.",
        examples=["/home/me/photos"],
    ),
]


def below_a_root(library: Library, paths: Sequence[str] | None) -> tuple[Path, ...]:
    """The real places of `paths`, links resolved; of None: all indexed folders.

    Raises:
        Refused: One lies elsewhere (403). Where it leads is not told.
        CatalogueError: There is no index yet.
    """
    roots = [root.path for root in library.status().roots]
    if paths is None:
        return tuple(roots)
    places = tuple(Path(os.path.realpath(path)) for path in paths)
    for path, place in zip(paths, places, strict=True):
        inside = any(place.is_relative_to(root) for root in roots)
        if not inside or not Path(path).is_absolute():
            raise Refused(Problem(403, "not at or below a folder that is indexed already"))
    return places
