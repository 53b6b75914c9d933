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


def _choice(tags: list[str]) -> str:
    """The first few of `tags` as words."""
    return " or ".join(tags[:5]) + (" …" if len(tags) > 5 else "")


def _fetch(architecture: str, tag: str | None, out: Path) -> None:
    """Download one model and write it as a directory."""
    import open_clip
    from open_clip.pretrained import get_pretrained_cfg

    from mmsearch.encoders.model_directory import write_model_directory

    # Weights trained with QuickGELU in an architecture without would silently embed wrongly.
    quick_gelu = bool(tag and get_pretrained_cfg(architecture, tag).get("quick_gelu", False))
    model = open_clip.create_model(
        architecture, pretrained=tag, force_quick_gelu=quick_gelu, require_pretrained=True
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
