"""A reranker's three parts, written once as OpenVINO models."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from blake3 import blake3

from mmsearch.errors import ModelError
from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.source import RerankerSource
from mmsearch.runtime.export_folder import renamed_into
from mmsearch.runtime.quiet import import_openvino

EXPORTER_VERSION = 1
TEXT_TOWER = "text"
REGION_TOWER = "regions"
MATCH_TOWER = "match"
COMPLETE_FILE = "manifest.json"
"""Only a complete export has it."""

logger = logging.getLogger(__name__)


def exported_towers(source: RerankerSource, config: RerankerConfig, cache_dir: Path) -> Path:
    """The folder of `source`'s OpenVINO export, made now if the cache has none.

    It holds `text.xml` (tokens `(n, l)` int64 to `(n, l, h)`), `regions.xml` (codes `(n, r, c)`
    int8 to `(n, r, h)`) and `match.xml` (both, with the mask `(p, l)` between them, to `(p,)`);
    n, p and l are free, floats are float32.

    Raises:
        ModelError: The network cannot be exported or the cache cannot be written.
    """
    version = str(import_openvino().__version__).split("-", maxsplit=1)[0]
    folder = f"openvino-{version}-r{EXPORTER_VERSION}"
    final = cache_dir / "rerankers" / _digest(source, config)[:16] / folder
    if (final / COMPLETE_FILE).is_file():
        return final
    logger.info("preparing reranker %s for this processor, once", source.directory)
    try:
        with renamed_into(final, COMPLETE_FILE) as beside:
            _export(source, beside)
            manifest = {"reranker": str(source.directory), "config": config.to_json()}
            (beside / COMPLETE_FILE).write_text(json.dumps(manifest, indent=2), "utf-8")
    except OSError as exc:
        raise ModelError(
            f"cache {cache_dir} cannot be written ({exc}): free space or set MMSEARCH_CACHE"
        ) from exc
    return final


def _export(source: RerankerSource, folder: Path) -> None:
    from mmsearch.rerank.model_directory import load_network
    from mmsearch.rerank.towers import write_towers

    write_towers(load_network(source), folder)


def _digest(source: RerankerSource, config: RerankerConfig) -> str:
    """Hexadecimal digest of what the export depends on."""
    hasher = blake3(json.dumps(config.to_json(), sort_keys=True).encode())
    try:
        return hasher.update_mmap(source.weights).hexdigest()
    except OSError as exc:
        raise ModelError(
            f"weights {source.weights} cannot be read ({exc}): check the files and permissions"
        ) from exc
