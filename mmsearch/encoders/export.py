"""Torch towers written once as OpenVINO models, with the tokenizer beside them."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.encoders.sources import ModelSource
from mmsearch.encoders.tokenize import TokenizerRules
from mmsearch.errors import ModelError
from mmsearch.rerank_types import RegionProjection
from mmsearch.runtime.export_folder import renamed_into
from mmsearch.runtime.quiet import import_openvino
from mmsearch.types import Space

if TYPE_CHECKING:
    from mmsearch.encoders.torch_model import LoadedModel

EXPORTER_VERSION = 1
_REGION_TOWER_VERSION = 2
"""Apart from the exporter's: a new region tower is no reason to export the others anew."""
IMAGE_TOWER = "image"
TEXT_TOWER = "text"
MANIFEST_FILE = "manifest.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """A model as OpenVINO reads it.

    `directory` holds `image.xml` (takes `(n, h, w, 3)` uint8) and `text.xml` (takes `(n, l)`
    int64), each giving `(n, d)` float32 that is not normalised yet, and `tokenizer.json` unless
    `rules` is None: then only open_clip's own tokenizer will do.
    """

    directory: Path
    rules: TokenizerRules | None


def exported_model(
    source: ModelSource,
    space: Space,
    cache_dir: Path,
    projection: RegionProjection | None = None,
) -> ExportedModel:
    """The OpenVINO export of `source`, made now if the cache has none.

    Two processes may export at once: each writes beside and renames; the first one stays. An
    export that is made for `projection` has its image tower with regions from the start.

    Raises:
        ModelError: The model cannot be exported or the cache cannot be written.
    """
    version = str(import_openvino().__version__).split("-", maxsplit=1)[0]
    # The version in the name lets two installations share a cache.
    final = cache_dir / "models" / space.key / f"openvino-{version}-r{EXPORTER_VERSION}"
    found = _read_manifest(final)
    if found is not None:
        return found
    logger.info("preparing model '%s' for this processor, once", source.name)
    try:
        with renamed_into(final, MANIFEST_FILE) as folder:
            rules = _export(source, folder, projection)
            _write_manifest(folder, source, version, rules)
    except OSError as exc:
        raise ModelError(
            f"cache {cache_dir} cannot be written ({exc}): free space or set MMSEARCH_CACHE"
        ) from exc
    found = _read_manifest(final)
    if found is None:
        raise ModelError(f"export {final} is damaged: remove that folder and run again")
    return found


def exported_region_tower(
    source: ModelSource, exported: ExportedModel, projection: RegionProjection
) -> Path:
    """The image tower of `exported` that gives regions too, made now if it is not there.

    It takes `(n, h, w, 3)` uint8 and gives `(n, d)` float32, not normalised, and codes
    `(n, r, c)` int8.

    Raises:
        ModelError: It cannot be exported or written.
    """
    final = exported.directory / f"{_region_tower(projection)}.xml"
    if final.is_file():
        return final
    from mmsearch.encoders.torch_model import load_torch_model
    from mmsearch.encoders.towers import write_region_tower

    logger.info("preparing region features of model '%s', once", source.name)
    loaded = load_torch_model(source)
    try:
        with tempfile.TemporaryDirectory(prefix=".regions-", dir=final.parent) as beside:
            write_region_tower(loaded, projection, final.stem, Path(beside))
            # The description comes last: where it is, its numbers are.
            for name in (final.with_suffix(".bin").name, final.name):
                with Path(beside, name).open("rb") as stream:
                    os.fsync(stream.fileno())
                Path(beside, name).replace(final.parent / name)
    except OSError as exc:
        raise ModelError(
            f"cache {final.parent} cannot be written ({exc}): free space or set MMSEARCH_CACHE"
        ) from exc
    return final


def _region_tower(projection: RegionProjection) -> str:
    return f"regions-{projection.key}-r{_REGION_TOWER_VERSION}"


def _export(
    source: ModelSource, folder: Path, projection: RegionProjection | None
) -> TokenizerRules | None:
    """Write the towers and the tokenizer of `source` into `folder`."""
    from mmsearch.encoders.torch_model import load_torch_model
    from mmsearch.encoders.towers import write_region_tower, write_towers
    from mmsearch.encoders.vocabulary import write_tokenizer

    loaded: LoadedModel = load_torch_model(source)
    rules = write_tokenizer(loaded, folder)
    write_towers(loaded, folder)
    if projection is not None:
        write_region_tower(loaded, projection, _region_tower(projection), folder)
    return rules


def _read_manifest(folder: Path) -> ExportedModel | None:
    """What `folder` holds, or None where there is no complete export."""
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text("utf-8"))
        rules = manifest["tokenizer"]
        return ExportedModel(folder, None if rules is None else TokenizerRules(**rules))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        logger.warning("export %s is damaged (%s): made anew", folder, exc)
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _write_manifest(
    folder: Path, source: ModelSource, version: str, rules: TokenizerRules | None
) -> None:
    """Write what the export is, for the reader and for people."""
    manifest = {
        "model": source.name,
        "exporter": EXPORTER_VERSION,
        "openvino": version,
        "tokenizer": None if rules is None else asdict(rules),
    }
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2), "utf-8")
