"""Makes a ViT-B/32 with random weights: what a model takes does not depend on what it knows."""

from __future__ import annotations

import json
from pathlib import Path

from mmsearch.encoders.random_start import random_start

_PREPROCESSING = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


def random_vit(folder: Path, name: str = "ViT-B-32", seed: int = 0) -> Path:
    """`folder`, now open_clip's model of that name as `--model` takes it; made once."""
    import open_clip

    if not (folder / "open_clip_model.safetensors").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        config = {"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": _PREPROCESSING}
        definition = folder.with_name(f"{folder.name}.json")
        definition.write_text(json.dumps(config), "utf-8")
        random_start(definition, folder, seed)
    return folder
