"""Does to a real library what an operation says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import cast

from mmsearch.config import Settings, load_settings
from mmsearch.engine.factory import open_library as engine_library
from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from mmsearch.engine.upkeep.model_records import MigrationOptions
from mmsearch.errors import MmsearchError
from tests.fakes import InlineDecoder
from tests.model_changes import two_models
from tests.model_test.indexing import COUNTED, HELD_BACK, Caption, IndexAsk
from tests.model_test.operations import Arguments, Operation


@dataclass(frozen=True, slots=True)
class Places:
    """Where a seed's pictures, index, backups and caption files lie: all below one folder.

    `large`: the index is kept as a large one is (see `tests.large_index`), whoever works on it.
    """

    top: Path
    large: bool = False

    @property
    def photos(self) -> Path:
        """The folder of all drives."""
        return self.top / "photos"

    @property
    def home(self) -> Path:
        """The home of the library."""
        return self.top / "home"

    @property
    def index_dir(self) -> Path:
        """The folder of its index."""
        return self.home / "indexes/default"

    @property
    def catalogue(self) -> Path:
        """The file of its catalogue."""
        return self.index_dir / "catalogue.sqlite3"

    @property
    def captions(self) -> Path:
        """The caption file of the operation in hand."""
        return self.top / "captions.jsonl"

    def newest_restore_point(self) -> Path | None:
        """The folder in which the last restore kept what was there before."""
        points = self.index_dir.glob("before-restore-*/backup.json")
        return max((point.parent for point in points), default=None)

    def backup(self, number: int) -> Path:
        """The folder of a backup."""
        return self.top / f"backup{number}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation ended: well, with an `error` of our tree, `killed`, or by Ctrl-C.

    `strange` is an error that is none of ours, which is always wrong. `counts` are those of an
    indexing run's summary, as in `IndexModel.counts`.
    """

    error: str = ""
    message: str = ""
    strange: str = ""
    killed: bool = False
    interrupted: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def ended_well(self) -> bool:
        """Whether nothing was raised and nobody killed it. (A Ctrl-C may have cut it short.)"""
        return not (self.error or self.strange or self.killed or self.interrupted)

    def text(self) -> str:
        """The outcome as JSON."""
        return json.dumps(asdict(self))


@lru_cache(maxsize=64)
def settings_of(home: Path, model: str | None = None) -> Settings:
    """How the library under test is set up; small batches: a run has many transactions."""
    return load_settings(home=home, model=model, decode_workers=1, batch_size=3)


def open_library(places: Places, model: str | None = None) -> Library:
    """The library under test."""
    return engine_library(settings_of(places.home, model), two_models(), InlineDecoder)


def asked(places: Places, arguments: Arguments) -> IndexAsk:
    """What an index operation asks, with absolute paths."""
    return IndexAsk(
        paths=tuple(str(places.photos / cast("str", name)) for name in _list(arguments, "paths")),
        captions=tuple(
            _caption(places, cast("list[str | None]", one)) for one in _list(arguments, "captions")
        ),
        model=cast("str | None", arguments.get("model")),
        yes=bool(arguments.get("yes")),
    )


def write_captions(places: Places, captions: Sequence[Caption]) -> None:
    """The caption file that an index operation names."""
    lines = [
        json.dumps({"caption": text} if name is None else {"file": name, "caption": text})
        for name, text in captions
    ]
    places.captions.write_text("\n".join(lines) + "\n", "utf-8")


def index_options(places: Places, ask: IndexAsk) -> IndexOptions:
    """How every run of a model test indexes."""
    return IndexOptions(
        captions=(places.captions,) if ask.captions else (), allow_mass_removal=ask.yes
    )


def perform(library: Library, places: Places, operation: Operation) -> Outcome:
    """Do an operation that changes the index, and tell how that ended."""
    try:
        counts = _perform(library, places, operation)
    except MmsearchError as exc:
        return Outcome(error=type(exc).__name__, message=str(exc))
    except Exception as exc:  # noqa: BLE001 - told, as it is what the test looks for
        return Outcome(strange=f"{type(exc).__name__}: {exc}")
    return Outcome(counts=counts)


def _perform(library: Library, places: Places, operation: Operation) -> dict[str, int]:
    """Do it; the counts of an indexing run, of anything else none."""
    arguments = operation.arguments
    match operation.kind:
        case "index":
            ask = asked(places, arguments)
            summary = library.index(list(ask.paths), index_options(places, ask))
            counts = {name: getattr(summary, name) for name in COUNTED}
            return {**counts, HELD_BACK: sum(held.n_gone for held in summary.held_back)}
        case "remove":
            library.remove(places.photos / cast("str", arguments["path"]))
        case "migrate":
            model, partial = cast("str", arguments["model"]), bool(arguments["partial"])
            library.migrate(MigrationOptions(model, partial=partial))
        case "roll_back":
            library.rollback_model()
        case "drop":
            library.drop_space()
        case "backup":
            library.backup(places.backup(cast("int", arguments["number"])))
        case "restore":
            library.restore(places.backup(cast("int", arguments["number"])))
        case "repair":
            library.repair()
        case "optimize":
            library.optimize()
        case _:
            raise AssertionError(f"there is no operation {operation.kind}")
    return {}


def _list(arguments: Arguments, name: str) -> list[object]:
    return cast("list[object]", arguments.get(name, []))


def _caption(places: Places, shape: list[str | None]) -> Caption:
    """A caption; a name that begins with `/` stands for the absolute path."""
    name, text = shape
    assert text is not None
    if name is not None and name.startswith("/"):
        name = str(places.photos / name[1:])
    return name, text
