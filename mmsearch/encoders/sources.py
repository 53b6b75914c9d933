"""From a model's name to the directory that holds it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from mmsearch.encoders.definition import CONFIG_FILE, WEIGHTS_FILE
from mmsearch.errors import ModelError
from mmsearch.runtime.weights_file import check_weights

SHIPPED = "mini"
HUB_PREFIX = "hf-hub:"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model on disk. `name` can be given back to `resolve_model`, from any folder."""

    name: str
    directory: Path

    @property
    def weights(self) -> Path:
        """The safetensors file."""
        return self.directory / WEIGHTS_FILE


def resolve_model(name: str, cache_dir: Path) -> ModelSource:
    """The model called `name`: the shipped one, a directory, or an open_clip name.

    open_clip's own models (`ViT-B-32/laion2b_s34b_b79k`, `hf-hub:ORG/REPO`) are downloaded by
    open_clip once and kept below `cache_dir` as a directory like any other.

    Raises:
        ModelError: There is no such model, or it cannot be had here.
    """
    if name == SHIPPED:
        return ModelSource(SHIPPED, _checked(shipped_directory()))
    directory = Path(name.removeprefix("local-dir:")).expanduser()
    if not name.startswith(HUB_PREFIX) and directory.is_dir():
        absolute = directory.absolute()
        return ModelSource(str(absolute), _checked(absolute))
    from mmsearch.encoders.hub import fetch_model

    return ModelSource(name, _checked(fetch_model(name, cache_dir)))


def shipped_directory() -> Path:
    """Where the default model lies inside the installed package."""
    return Path(str(resources.files("mmsearch.models"))) / SHIPPED


def _checked(directory: Path) -> Path:
    """`directory`, once it is seen to hold a definition and safetensors weights."""
    if not (directory / CONFIG_FILE).is_file():
        raise ModelError(
            f"{directory} is no model: {CONFIG_FILE} is missing; "
            "give a directory in open_clip's format, or see 'mmsearch models'"
        )
    check_weights(directory / WEIGHTS_FILE)
    return directory
