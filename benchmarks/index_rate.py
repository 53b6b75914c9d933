"""How many 500-pixel JPEGs a second, file to committed embedding, beside plain torch?"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.command import run
from benchmarks.photos import make_photos
from benchmarks.record import Row, record

BATCH = 32


def plain_torch_rate(files: list[Path]) -> float:
    """Images a second of the obvious loop: Pillow's full decode, bicubic, the model in float32."""
    import torch

    from mmsearch.config import load_settings
    from mmsearch.encoders import resolve_model
    from mmsearch.encoders.torch_model import load_torch_model

    loaded = load_torch_model(resolve_model("mini", load_settings().cache))
    mean = torch.tensor(loaded.mean).view(1, 3, 1, 1)
    std = torch.tensor(loaded.std).view(1, 3, 1, 1)
    size = (loaded.input.width, loaded.input.height)
    start = time.perf_counter()
    with torch.inference_mode():
        for first in range(0, len(files), BATCH):
            pictures = [
                np.asarray(Image.open(file).convert("RGB").resize(size, Image.Resampling.BICUBIC))
                for file in files[first : first + BATCH]
            ]
            pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
            loaded.model.encode_image((pixels - mean) / std, normalize=True)
    return len(files) / (time.perf_counter() - start)


def main() -> None:
    """Index one folder, then embed a part of it the plain way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=3000)
    options = parser.parse_args()
    count = 200 if options.quick else options.count
    with tempfile.TemporaryDirectory() as temporary:
        home, photos = Path(temporary) / "home", Path(temporary) / "photos"
        make_photos(photos, count, side=500)
        files = sorted(photos.rglob("*.jpg"))
        make_photos(Path(temporary) / "one", 1, side=500, seed=1)
        run(home, "index", str(Path(temporary) / "one"))  # exports the model once
        summary = json.loads(run(home, "index", str(photos), "--json").stdout)
        plain = plain_torch_rate(files[: max(BATCH, count // 10)])
    ours = summary["images_per_second"]
    rows = [
        Row("mmsearch index", ours, "images/s"),
        Row("plain torch loop", plain, "images/s"),
        Row("ratio", ours / plain, "x"),
    ]
    record("index_rate", str(__doc__), {"n": count, "side": 500, "batch": BATCH, "seed": 0}, rows)


if __name__ == "__main__":
    main()
