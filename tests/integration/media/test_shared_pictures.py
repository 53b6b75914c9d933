"""Odd, turned and hostile files of public test suites, where they lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmsearch.media.decode import decode, decode_reference
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.media.pool import DecodedFile, DecodeJob, DecodePool
from mmsearch.media.scan import ScannedFile, ScanOptions, scan
from mmsearch.types import InputSpec
from tests.unit.media.samples import difference

pytestmark = pytest.mark.shared_data
SPEC = InputSpec(224, 224)


def decoded(*folders: Path) -> tuple[list[DecodedFile], float]:
    """All results, and the resident megabytes of workers at their peaks."""
    items = [item for folder in folders for item in scan(folder, ScanOptions())]
    paths = [item.path for item in items if isinstance(item, ScannedFile)]
    with DecodePool(SPEC, DecodeLimits(), workers=2) as pool:
        results = list(pool.decode((DecodeJob(i, path) for i, path in enumerate(paths)), 64))
        peak = sum(_peak_mb(pid) for pid in pool.worker_pids)
    assert len(results) == len(paths)
    return results, peak


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    return int(status.read_text("ascii").split("VmHWM:")[1].split()[0]) / 1024


def test_every_odd_format_is_decoded(shared_data: Path) -> None:
    results, _ = decoded(shared_data / "formats")
    assert len(results) > 300
    assert [(result.path.name, result.error) for result in results if result.error] == []


@pytest.mark.parametrize("aspect", ["Landscape", "Portrait"])
def test_one_scene_in_all_orientations_decodes_alike(shared_data: Path, aspect: str) -> None:
    """They differ by a digit in their middle and by JPEG noise."""
    paths = sorted((shared_data / "formats/exif_orientation").glob(f"{aspect}_*.jpg"))
    pictures = [decode(path.read_bytes(), SPEC, DecodeLimits()) for path in paths]
    assert len(pictures) == 9
    assert len({(p.metadata.width, p.metadata.height) for p in pictures}) == 1
    assert all(difference(pictures[0].pixels, one.pixels) < 4 for one in pictures)


def test_hostile_files_are_refused_with_a_reason_in_little_memory(shared_data: Path) -> None:
    """Alone and among good ones: no crash, no good file harmed, all bad ones explained."""
    results, peak_mb = decoded(shared_data / "hostile", shared_data / "formats")
    bad = [result for result in results if "hostile" in result.path.parts and result.error]
    good = [result for result in results if "formats" in result.path.parts]
    assert len(bad) > 450
    assert [(result.path.name, result.error) for result in good if result.error] == []
    assert [result.error for result in bad if "crashed" in str(result.error)] == []
    assert all(0 < len(str(result.error)) < 200 for result in bad)
    assert peak_mb < 1000


def test_camera_jpegs_agree_with_the_plain_reference(shared_data: Path) -> None:
    for path in sorted((shared_data / "photos_large").glob("*.jpg")):
        data = path.read_bytes()
        quick = decode(data, SPEC, DecodeLimits())
        plain = decode_reference(data, SPEC, DecodeLimits())
        assert difference(quick.pixels, plain.pixels) < 2
        assert np.corrcoef(quick.pixels.ravel(), plain.pixels.ravel())[0, 1] > 0.998
        assert quick.metadata == plain.metadata
