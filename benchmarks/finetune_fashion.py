"""What does fine-tuning on a team's own products bring, in recall on products never trained on?"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
import time
import zipfile
from pathlib import Path

from blake3 import blake3

from benchmarks.command import run
from benchmarks.record import Row, record

FASHION = Path(__file__).resolve().parents[2] / "shared" / "data" / "fashion"
N_TEST, N_VAL = 1000, 500
QUICK_PRODUCTS = 300
WAYS = (("text_to_image", "text→image"), ("image_to_text", "image→text"))


def main() -> None:
    """Split the products, measure, train as a user would, measure again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="300 products, one epoch")
    parser.add_argument("--fashion", type=Path, default=FASHION, help="images.zip, products.csv")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="keep the split and the tuned model here")
    parser.add_argument("training", nargs="*", help="more for `mmsearch train`, after --")
    options = parser.parse_args()
    if not (options.fashion / "images.zip").is_file():
        raise SystemExit(f"{options.fashion}: no images.zip; give the folder with --fashion")
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        data, images = prepare(options.fashion, work, options.seed, options.quick)
        compare(options, work, data, images)


def compare(options: argparse.Namespace, work: Path, data: Path, images: Path) -> None:
    """Record recall on the test split before and after training, and the time it took."""
    home, out = work / "home", work / "tuned"
    limits = ["--epochs", "1"] if options.quick else ["--max-minutes", str(options.minutes)]
    place = [str(data), "--images", str(images)]
    before = evaluate(home, place, options.model)
    start = time.perf_counter()
    tuning = ["--model", options.model, "--out", str(out), *limits, *options.training]
    run(home, "train", *place, *tuning)
    minutes = (time.perf_counter() - start) / 60
    after = evaluate(home, place, str(out))
    rows = [Row("training", minutes, "min")]
    for key, name in WAYS:
        for metric in ("R@1", "R@5", "R@10"):
            rows.append(Row(f"{name} {metric} before", before[key][metric], "%"))
            rows.append(Row(f"{name} {metric} after", after[key][metric], "%"))
    factor = after["text_to_image"]["R@10"] / max(before["text_to_image"]["R@10"], 1e-9)
    rows.append(Row("text→image R@10, after / before", factor, "times"))
    sizes = {"n_test": before["n_images"], "seed": options.seed, "model": options.model}
    record("finetune_fashion", str(__doc__), {**sizes, "train": limits}, rows)


def evaluate(home: Path, place: list[str], model: str) -> dict[str, dict[str, float]]:
    """The JSON of `mmsearch evaluate` on the test split."""
    done = run(home, "evaluate", *place, "--split", "test", "--model", model, "--json")
    report: dict[str, dict[str, float]] = json.loads(done.stdout)
    return report


def prepare(fashion: Path, work: Path, seed: int, quick: bool) -> tuple[Path, Path]:
    """The split as CSV, and the folder of unpacked pictures.

    Byte-identical pictures go into the same split, so that none is learned and asked for.
    """
    images, data = work / "images", work / "products.csv"
    with zipfile.ZipFile(fashion / "images.zip") as archive:
        archive.extractall(images)
    by_name = {path.name: path for path in images.rglob("*") if path.is_file()}
    with (fashion / "products.csv").open(newline="", encoding="utf-8") as source:
        products = [row for row in csv.DictReader(source) if row["file"] in by_name]
    groups: dict[str, list[dict[str, str]]] = {}
    for row in products[:QUICK_PRODUCTS] if quick else products:
        digest = blake3(by_name[row["file"]].read_bytes()).hexdigest()
        groups.setdefault(digest, []).append(row)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    n_test, n_val = (100, 50) if quick else (N_TEST, N_VAL)
    with data.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(["file", "title", "split"])
        for place, digest in enumerate(order):
            split = "test" if place < n_test else "val" if place < n_test + n_val else "train"
            for row in groups[digest]:
                file = by_name[row["file"]].relative_to(images)
                writer.writerow([file.as_posix(), row["title"], split])
    return data, images


if __name__ == "__main__":
    main()
