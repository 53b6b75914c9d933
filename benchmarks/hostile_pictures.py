"""Does indexing many damaged pictures crash, leak or blame the wrong file?

Ten copies of `hostile/` and `formats/` and a thousand mutants of good pictures are indexed by two
decode workers, with good photos among them. Nothing is known in a first run, so each copy is
decoded by itself. All that is done twice: both runs, and all copies, must come to the same end.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.command import mmsearch_command
from benchmarks.mutants import MAX_SOURCE_BYTES, write_mutants
from benchmarks.process_memory import MemoryWatch
from benchmarks.record import Row, record

DATA = Path(__file__).parents[2] / "shared" / "data"
INDEXED = "indexed"
_FORMAT = "(AVIF|BMP|GIF|HEIF|JPEG|JPEG2000|PNG|TGA|TIFF|WEBP)"
FORMS = {
    "empty": r"empty file",
    "unreadable": r"cannot be read: .+",
    "no picture": r"not a picture: no known format starts like this file",
    "truncated": rf"truncated: the {_FORMAT} data ends before the picture does(; if .+)?",
    "damaged": rf"damaged or unsupported {_FORMAT}: .+",
    "over the pixel limit": r"\d+x\d+ is [\d.]+ megapixels, over the limit of .+",
    "over the memory limit": r"needs more than \d+ MB of memory( \(about \d+\))?: .+",
    "over the time limit": r"decoding took longer than [\d.]+ s: .+",
    "decoder crashed": r"the decoder crashed \(.+\)",
    "decoder killed": r"the decoder was killed, .+",
}
"""All true reasons for a failure, by name; a reason of another form is a mistake of ours."""


@dataclass(frozen=True, slots=True)
class Run:
    """One indexing run: how it ended, what became of each file, memory in MB (10^6)."""

    code: int
    seconds: float
    fates: dict[str, str]
    main_mb: float
    worker_mb: float
    tree_mb: float
    workers_started: int
    controls_found: int


def make_folder(folder: Path, options: argparse.Namespace) -> None:
    """Write all pictures below `folder`: copies, mutants, good photos."""
    formats = sorted(file for file in (options.data / "formats").iterdir() if file.is_file())
    for copy in range(options.copies):
        for name in ("hostile", "formats"):
            target = folder / f"copy-{copy:02d}" / name
            shutil.copytree(options.data / name, target, ignore=shutil.ignore_patterns("LICENSE"))
    photos = sorted((options.data / "photos_mix" / "images").glob("*.jpg"))
    random.Random(options.seed).shuffle(photos)
    small = [file for file in formats if file.stat().st_size <= MAX_SOURCE_BYTES]
    sources = small + photos[options.controls : options.controls + 40]
    random.Random(options.seed).shuffle(sources)
    write_mutants(folder / "mutants", sources, options.mutants, options.seed)
    (folder / "good").mkdir()
    for photo in photos[: options.controls]:
        shutil.copy(photo, folder / "good")


def index(folder: Path, home: Path, workers: int) -> Run:
    """Index everything in a new home by a process of its own, watched."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            mmsearch_command("index", str(folder), "--json", "--workers", str(workers)),
            env={**os.environ, "MMSEARCH_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        with MemoryWatch(process.pid) as watch:
            out, _ = process.communicate()
        if process.returncode:
            errors.seek(0)
            print(errors.read().decode("utf-8", "replace")[-2000:])
    return Run(
        code=process.returncode,
        seconds=json.loads(out)["seconds"] if out else 0.0,
        fates=fates_of(folder, home),
        main_mb=watch.main_mb,
        worker_mb=watch.child_mb,
        tree_mb=watch.tree_mb,
        workers_started=len(watch.children),
        controls_found=controls_found(folder / "good", home),
    )


def fates_of(folder: Path, home: Path) -> dict[str, str]:
    """What became of each file, by path below `folder`: indexed, the reason, or lost."""
    import mmsearch
    from mmsearch.errors import QueryError

    fates: dict[str, str] = {}
    with mmsearch.open(home) as library:
        reasons = {failure.path: failure.reason for failure in library.failures()}
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            fate = reasons.get(file)
            if fate is None:
                try:
                    fate = INDEXED if library.info(file).media is not None else "lost"
                except QueryError:
                    fate = "lost"
            fates[str(file.relative_to(folder))] = fate
    return fates


def controls_found(good: Path, home: Path) -> int:
    """How many of the good photos are among the nearest three to their pixels in another file.

    In another, as a file is no hit of a search with its own bytes.
    """
    import mmsearch

    n_found = 0
    with mmsearch.open(home) as library:
        for photo in good.iterdir():
            pixels = io.BytesIO()
            Image.open(photo).save(pixels, "PNG")
            hits = library.query(image=library.prepare_picture(pixels.getvalue()), k=3)
            n_found += photo in [hit.media.path for hit in hits]
    return n_found


def form_of(reason: str) -> str:
    """The name of a reason's form, "unknown" when it has none."""
    return next((name for name, form in FORMS.items() if re.fullmatch(form, reason)), "unknown")


def uneven_copies(fates: dict[str, str]) -> list[str]:
    """Files whose copies did not all come to the same end."""
    ends: dict[str, set[str]] = {}
    for path, fate in fates.items():
        folder, _, name = path.partition("/")
        if folder.startswith("copy-"):
            ends.setdefault(name, set()).add(fate)
    return sorted(name for name, of_copies in ends.items() if len(of_copies) > 1)


def show_reasons(fates: dict[str, str], each: int = 3) -> None:
    """Print every kind of reason with how often it was given, and some files to look at."""
    kinds: dict[str, list[str]] = {}
    for path, fate in fates.items():
        kinds.setdefault(re.sub(r"\d+(\.\d+)?", "N", fate), []).append(path)
    for kind, paths in sorted(kinds.items(), key=lambda item: -len(item[1])):
        print(f"{len(paths):6} {kind}")
        for path in random.Random(0).sample(paths, min(each, len(paths))):
            print(f"         {path}: {fates[path]}")


def rows_of(first: Run, second: Run, n_controls: int) -> list[Row]:
    """The table."""
    fates = first.fates
    failed = [fate for fate in fates.values() if fate not in (INDEXED, "lost")]
    forms = Counter(map(form_of, failed))
    good = [fate for path, fate in fates.items() if path.startswith("good/")]
    differing = sum(fate != second.fates.get(path) for path, fate in fates.items())
    runs = (first, second)
    counts = {
        "files": len(fates),
        "indexed": sum(fate == INDEXED for fate in fates.values()),
        "failed": len(failed),
        "neither indexed nor failed": sum(fate == "lost" for fate in fates.values()),
        "reasons of no known form": forms.pop("unknown", 0),
        **{f"reason: {name}": forms[name] for name in FORMS},
        "good photos": n_controls,
        "good photos indexed": sum(fate == INDEXED for fate in good),
        "good photos found, in the worse run": min(run.controls_found for run in runs),
        "files whose copies differ": len(uneven_copies(fates)),
        "files that another run judges otherwise": differing,
        "decode workers started, in both runs": sum(run.workers_started for run in runs),
    }
    return [
        Row("runs that did not exit with 0", sum(run.code != 0 for run in runs), "of 2"),
        *(Row(name, count, "") for name, count in counts.items()),
        Row("peak of the main process", max(run.main_mb for run in runs), "MB resident"),
        Row("peak of one worker", max(run.worker_mb for run in runs), "MB resident"),
        Row("peak of all processes together", max(run.tree_mb for run in runs), "MB (PSS)"),
        Row("a run", min(run.seconds for run in runs), "s"),
    ]


def main() -> None:
    """Index everything twice, compare, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one copy, 100 mutants")
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--controls", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--show", action="store_true", help="all reasons, with some files each")
    parser.add_argument("--keep", type=Path, help="make the pictures in this new folder, and stay")
    options = parser.parse_args()
    if options.quick:
        options.copies, options.mutants, options.controls = 1, 100, 10
    with tempfile.TemporaryDirectory() as temporary:
        work = options.keep or Path(temporary)
        folder = work / "pictures"
        make_folder(folder, options)
        first, second = (
            index(folder, work / name, options.workers) for name in ("home-1", "home-2")
        )
    if options.show:
        show_reasons(first.fates)
    for name in uneven_copies(first.fates):
        print(f"copies differ: {name}")
    for path, fate in first.fates.items():
        if fate != second.fates.get(path):
            print(f"runs differ: {path}: {fate} / {second.fates.get(path)}")
    names = ("copies", "mutants", "controls", "workers", "seed")
    parameters = {name: getattr(options, name) for name in names}
    question = str(__doc__).splitlines()[0]
    record("hostile_pictures", question, parameters, rows_of(first, second, options.controls))


if __name__ == "__main__":
    main()
