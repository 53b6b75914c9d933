"""Which models there are: shipped, local and open_clip's own."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from mmsearch.encoders.definition import CONFIG_FILE
from mmsearch.encoders.sources import SHIPPED, shipped_directory
from mmsearch.runtime.quiet import quiet_libraries

logger = logging.getLogger(__name__)


class ModelKind(StrEnum):
    """Where a model comes from."""

    DEFAULT = "default"
    LOCAL = "local"
    OPEN_CLIP = "open_clip"


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that `--model` takes. `directory` is None until open_clip has downloaded it."""

    name: str
    kind: ModelKind
    directory: Path | None = None


def list_models(
    cache_dir: Path, home: Path | None = None, *, hub: bool = True
) -> list[ListedModel]:
    """The default, the directories in `home/models`, then (`hub`) open_clip's pretrained models."""
    listed = [ListedModel(SHIPPED, ModelKind.DEFAULT, shipped_directory())]
    if home is not None:
        found = sorted((home / "models").glob(f"*/{CONFIG_FILE}"))
        listed += [ListedModel(str(file.parent), ModelKind.LOCAL, file.parent) for file in found]
    names = _open_clip_names(cache_dir) if hub else []
    return listed + [ListedModel(name, ModelKind.OPEN_CLIP) for name in names]


def _open_clip_names(cache_dir: Path) -> list[str]:
    """open_clip's `ARCHITECTURE/PRETRAINED` names.

    Importing open_clip imports torch and takes seconds, so the answer is kept for its version.
    """
    kept = cache_dir / f"open_clip-{version('open_clip_torch')}.json"
    try:
        names = json.loads(kept.read_text("utf-8"))
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names
    except (OSError, ValueError):
        logger.debug("%s is not there yet", kept)
    with quiet_libraries():
        import open_clip

        names = ["/".join(pair) for pair in open_clip.list_pretrained()]
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(names), "utf-8")
    except OSError as exc:
        logger.debug("%s cannot be written: %s", kept, exc)
    return names
