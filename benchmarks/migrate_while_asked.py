"""Does a change of the model, and the way back, fail or mix up any question asked meanwhile?

All 8,091 pictures of Flickr8k, with a caption for each test picture, are indexed with the default
model; then `mmsearch migrate --to` embeds them for another one, `--rollback` goes back and
`--drop-old` takes that one out, each a process of its own. Throughout, one thread asks a library
that stays open, one asks by new processes, and one asks a running `mmsearch serve`. Every answer
must be, as a whole and to the last bit of its scores, that of the old model or that of the new
one; the old one's before the command starts, the new one's from its end on.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import mmsearch
from benchmarks.asked_fronts import (
    Asked,
    Front,
    Question,
    asking,
    command_front,
    http_front,
    python_front,
)
from benchmarks.captioned import DATA, read_split
from benchmarks.command import run
from benchmarks.photos import make_photos
from benchmarks.record import Row, record
from benchmarks.serve_load import serving

FLICKR = DATA / "flickr8k" / "dataset_flickr8k.json"
TEXTS = (
    *("a dog runs through the snow", "two children play on a beach", "a man climbs a rock"),
    *("a woman in a red dress", "people at a table", "a boy jumps into a pool"),
)


@dataclass(frozen=True, slots=True)
class Ends:
    """What each front's questions find before and after a command, and when it began and ended."""

    before: dict[str, list[object]]
    after: dict[str, list[object]]
    began_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the questions of one command went; `mixed` are answers of neither model."""

    asked: int
    failed: int
    mixed: int
    untimely: int
    median_s: float


def perturbed_model(out: Path) -> Path:
    """The shipped model with every weight a little off: another model, with another space."""
    from safetensors.numpy import load_file, save_file

    from mmsearch.encoders.sources import shipped_directory

    shipped = shipped_directory()
    shutil.copytree(shipped, out, ignore=shutil.ignore_patterns("reranker"), dirs_exist_ok=True)
    rng = np.random.default_rng(0)
    weights = load_file(shipped / "open_clip_model.safetensors")
    for name, value in weights.items():
        if value.ndim > 1:
            off = rng.normal(1.0, 0.05, value.shape)
            weights[name] = (value.astype(np.float32) * off).astype(value.dtype)
    save_file(weights, out / "open_clip_model.safetensors", metadata={"format": "pt"})
    return out


def index_pictures(home: Path, work: Path, count: int | None) -> int:
    """How many pictures are indexed with the default model: Flickr8k's, else made ones."""
    table = work / "captions.csv"
    if FLICKR.is_file():
        items = read_split(FLICKR, "all", count)
        photos = work / "photos"
        photos.mkdir()
        for item in items:
            shutil.copy2(item.path, photos)
        captioned = read_split(FLICKR, "test", count)
        rows = [(item.path.name, item.captions[0]) for item in captioned]
    else:
        photos = work / "photos"
        make_photos(photos, count or 1000, side=224)
        rows = [(file.name, f"picture {file.stem}") for file in photos.rglob("*.jpg")]
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "caption"), *rows])
    run(home, "index", str(photos), "--captions", str(table))
    return sum(1 for _ in photos.rglob("*.jpg"))


def judge(front: Front, ends: Ends) -> Verdict:
    """How the questions of one front went; they are forgotten."""
    asked, front.asked = front.asked, []
    before, after = ends.before[front.name], ends.after[front.name]
    failed = mixed = untimely = 0
    sides: defaultdict[int, set[str]] = defaultdict(set)
    for one in asked:
        if one.answer is None:
            failed += 1
            print(f"{front.name}: {one.error}")
            continue
        found, generation = one.answer
        side = _side(found, before[one.question], after[one.question])
        mixed += side == "neither"
        untimely += _is_untimely(one, side, ends)
        if generation is not None and side in ("before", "after"):
            sides[generation].add(side)
    mixed += sum(len(of_one) > 1 for of_one in sides.values())
    return Verdict(
        len(asked), failed, mixed, untimely, statistics.median(one.seconds for one in asked)
    )


def _side(found: object, before: object, after: object) -> str:
    if before == after:
        return "both" if found == before else "neither"
    return "before" if found == before else "after" if found == after else "neither"


def _is_untimely(one: Asked, side: str, ends: Ends) -> bool:
    """Whether an answer is the new one too early, or the old one too late."""
    if one.began_s + one.seconds < ends.began_s:
        return side == "after"
    return one.began_s > ends.ended_s and side == "before"


def change(home: Path, fronts: Sequence[Front], *arguments: str) -> tuple[Ends, list[Verdict]]:
    """How questions went while a command ran."""
    before = {front.name: front.all_answers() for front in fronts}
    with asking(fronts) as wait_for_a_round:
        wait_for_a_round()
        began_s = time.monotonic()
        run(home, *arguments)
        ended_s = time.monotonic()
        wait_for_a_round()
    after = {front.name: front.all_answers() for front in fronts}
    ends = Ends(before, after, began_s, ended_s)
    return ends, [judge(front, ends) for front in fronts]


def rows_of(
    command: str, fronts: Sequence[Front], ends: Ends, verdicts: Sequence[Verdict]
) -> list[Row]:
    """The table's part of one command."""
    rows = [Row(f"{command}: took", ends.ended_s - ends.began_s, "s")]
    for front, one in zip(fronts, verdicts, strict=True):
        rows.append(Row(f"{command}: asked by {front.name}", float(one.asked), "questions"))
        rows.append(Row(f"{command}: median by {front.name}", one.median_s * 1000, "ms"))
    return [
        *rows,
        Row(f"{command}: failed", float(sum(one.failed for one in verdicts)), "questions"),
        Row(f"{command}: of neither model", float(sum(one.mixed for one in verdicts)), "questions"),
        Row(f"{command}: too early, too late", float(sum(one.untimely for one in verdicts)), ""),
    ]


def measure(home: Path, model: str) -> list[Row]:
    """The whole table: there, back, and the other model taken out."""
    with mmsearch.open(home=home) as library, serving(home) as url:
        questions = _questions(library)
        fronts = (
            python_front(library, questions),
            command_front(home, questions),
            http_front(url, questions),
        )
        there, asked_there = change(home, fronts, "migrate", "--to", model)
        back, asked_back = change(home, fronts, "migrate", "--rollback")
        dropped, asked_dropped = change(home, fronts, "migrate", "--drop-old", "--yes")
        pairs = [
            (there.before[name][at], found)
            for end in (back.after, dropped.after)
            for name, answers in end.items()
            for at, found in enumerate(answers)
        ]
        changed = sum(
            old != new
            for name in there.before
            for old, new in zip(*_both(there, name), strict=True)
        )
        return [
            *rows_of("migrate", fronts, there, asked_there),
            *rows_of("rollback", fronts, back, asked_back),
            *rows_of("drop", fronts, dropped, asked_dropped),
            Row("questions that the models answer differently", float(changed), "questions"),
            Row("answers that differ after rollback", float(sum(a != b for a, b in pairs)), ""),
            Row("models in the index at the end", float(len(library.status().spaces)), "models"),
        ]


def _both(ends: Ends, name: str) -> tuple[list[object], list[object]]:
    return ends.before[name], ends.after[name]


def _questions(library: mmsearch.Library) -> list[Question]:
    """Words for pictures and captions, pictures of the index, and both together."""
    [hit] = library.query(TEXTS[0], k=1)
    like = hit.media.media_id
    return [
        *(Question(text) for text in TEXTS),
        *(Question(text, captions=True) for text in TEXTS[:3]),
        Question(like=like),
        Question(like=like, captions=True),
        Question("on a beach", like=like),
    ]


def main() -> None:
    """Index, change and go back while asked, and record how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--to", metavar="DIR", help="a model directory; none: one is made")
    parser.add_argument("--work", type=Path, help="a folder for the index, kept afterwards")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        model = options.to or str(perturbed_model(work / "model"))
        started = time.perf_counter()
        count = index_pictures(work / "home", work, 200 if options.quick else None)
        indexing = Row("index: took", time.perf_counter() - started, "s")
        rows = [indexing, *measure(work / "home", model)]
    model_name = "given" if options.to else "perturbed"
    parameters: dict[str, object] = {"n": count, "seed": 0, "model": model_name}
    record("migrate_while_asked", str(__doc__).splitlines()[0], parameters, rows)


if __name__ == "__main__":
    main()
