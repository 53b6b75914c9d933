"""open_clip's pretrained models, fetched once and kept as directories like any other."""

from __future__ import annotations

import logging
import re
import tempfile
from pathlib import Path
from typing import cast

from mmsearch.encoders.definition import CONFIG_FILE, WEIGHTS_FILE, Json
from mmsearch.encoders.sources import HUB_PREFIX
from mmsearch.errors import ModelError
from mmsearch.runtime.quiet import quiet_libraries
from mmsearch.runtime.weights_file import check_weights

_SAFE = ".safetensors"

logger = logging.getLogger(__name__)


def fetch_model(name: str, cache_dir: Path) -> Path:
    """The directory of open_clip's model `name`, downloaded by open_clip the first time.

    `name` is `ARCHITECTURE/PRETRAINED` or `hf-hub:ORG/REPO`. A model that is there already needs
    neither torch nor a network.

    Raises:
        ModelError: open_clip knows no such model, or it cannot be downloaded here.
    """
    out = cache_dir / "hub" / re.sub(r"[^A-Za-z0-9._-]+", "--", name)
    if (out / CONFIG_FILE).is_file() and (out / WEIGHTS_FILE).is_file():
        return out
    if name.startswith(HUB_PREFIX):
        architecture, tag = name, None
    else:
        architecture, tag = _known_pair(name)
    logger.info("fetching model '%s' through open_clip, once", name)
    try:
        with quiet_libraries():
            _fetch(architecture, tag, out)
    except ModelError:
        raise
    except Exception as exc:  # hubs, open_clip and torch raise whatever they like
        line = " ".join(str(exc).split())[:200]
        raise ModelError(
            f"model '{name}' cannot be downloaded here ({line}): connect to the internet, "
            "or give a directory in open_clip's format"
        ) from exc
    return out


def _known_pair(name: str) -> tuple[str, str]:
    """Architecture and pretrained tag in `name`, both known to open_clip.

    Raises:
        ModelError: They are not; the message says what would be.
    """
    if name.startswith(("local-dir:", ".", "/", "~")) or "\\" in name:
        raise ModelError(f"no model directory {name}: check the path")
    with quiet_libraries():
        import open_clip

        architecture, _, tag = name.partition("/")
        tags = list(open_clip.list_pretrained_tags_by_model(architecture))
    if not tags:
        raise ModelError(
            f"no model '{name}': it is no directory and open_clip has no such name; "
            "'mmsearch models' lists what there is"
        )
    if tag not in tags:
        raise ModelError(f"model '{architecture}' has no weights '{tag}': take {_choice(tags)}")
    return architecture, tag


def _fetch_weights(architecture: str, tag: str | None) -> Path:
    """The safetensors file of a model; no other file of weights is ever downloaded or read.

    Raises:
        ModelError: It has none, or it cannot be had here.
    """
    from open_clip import pretrained
    from open_clip.constants import HF_WEIGHTS_NAME

    config = pretrained.get_pretrained_cfg(architecture, tag) if tag else {}
    where = str(config.get("hf_hub", "")) if tag else f"{architecture.removeprefix(HUB_PREFIX)}/"
    if config.get("file"):
        file = Path(config["file"])
    elif where:
        repository, _, name = where.rpartition("/")
        named = bool(name) and name != HF_WEIGHTS_NAME
        safe = Path(name).with_suffix(_SAFE).name if named else WEIGHTS_FILE
        try:
            file = Path(pretrained.download_pretrained_from_hf(repository, filename=safe))
        except FileNotFoundError as exc:
            line = " ".join(str(exc).split())[:200]
            raise ModelError(
                f"{safe} of {repository} cannot be downloaded here ({line}): connect to the "
                "internet, or give a directory in open_clip's format; where there are pickles "
                "only, which can run code when they are read, take another model"
            ) from exc
    else:
        file = Path(str(config.get("url", "")))
    if file.suffix != _SAFE:
        raise ModelError(
            f"the weights of '{architecture}/{tag}' ({file.name}) are a pickle, which can run code "
            "when it is read: take a model with safetensors weights"
        )
    check_weights(file)
    return file


def _choice(tags: list[str]) -> str:
    """The first few of `tags` as words."""
    return " or ".join(tags[:5]) + (" …" if len(tags) > 5 else "")


def _fetch(architecture: str, tag: str | None, out: Path) -> None:
    """Download one model and write it as a directory."""
    import open_clip
    from open_clip.pretrained import get_pretrained_cfg

    from mmsearch.encoders.model_directory import write_model_directory

    weights = _fetch_weights(architecture, tag)
    tag_config = get_pretrained_cfg(architecture, tag) if tag else {}
    # Weights trained with QuickGELU in an architecture without would silently embed wrongly.
    quick_gelu = bool(tag_config.get("quick_gelu", False))
    model = open_clip.create_model(
        architecture,
        pretrained=str(weights) if tag else None,  # of a repository it takes the same file
        force_quick_gelu=quick_gelu,
        force_preprocess_cfg=tag_config,
        require_pretrained=True,
    )
    tokenizer = open_clip.get_tokenizer(architecture)
    model_config = dict(cast("Json", open_clip.get_model_config(architecture)))
    if quick_gelu:
        model_config["quick_gelu"] = True
    config = {"model_cfg": model_config, "preprocess_cfg": dict(model.visual.preprocess_cfg)}
    with tempfile.TemporaryDirectory() as folder:
        if hasattr(tokenizer, "save_pretrained"):
            tokenizer.save_pretrained(folder)
        if hasattr(getattr(model, "text", None), "config"):
            model.text.config.save_pretrained(folder)
        files = sorted(path for path in Path(folder).iterdir() if path.is_file())
        write_model_directory(model, config, files, out, half=False)
