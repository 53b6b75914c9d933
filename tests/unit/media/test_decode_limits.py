"""What a picture may take: by the machine's memory and the workers, unless it is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.config import Settings
from mmsearch.errors import MediaError
from mmsearch.media import machine
from mmsearch.media.decode_limits import DecodeLimits, limits_for, limits_of
from mmsearch.media.limits import read_file
from mmsearch.media.refusals import is_lifted, too_many_pixels, too_much_memory, too_slow

GIB = 1 << 30


@pytest.mark.parametrize(
    ("memory_gib", "workers", "memory_mb", "megapixels"),
    [
        (2, 4, 256, 268),  # a small NAS
        (8, 8, 512, 537),
        (16, 8, 1024, 1000),
        (24, 2, 2048, 1000),
        (64, 16, 2048, 1000),
        (1, 4, 256, 268),  # less would refuse what telephones make
    ],
)
def test_limits_follow_from_memory_and_workers(
    memory_gib: int, workers: int, memory_mb: int, megapixels: int
) -> None:
    limits = limits_for(memory_gib * GIB, workers)
    assert (limits.memory_mb, round(limits.max_pixels / 1e6)) == (memory_mb, megapixels)
    assert limits.timeout_s == 60


@pytest.mark.parametrize("workers", [1, 2, 4, 16])
@pytest.mark.parametrize("memory_gib", [4, 8, 32, 512])
def test_workers_leave_half_of_the_memory_unless_each_is_at_its_least(
    memory_gib: int, workers: int
) -> None:
    memory_mb = limits_for(memory_gib * GIB, workers).memory_mb
    assert memory_mb == 256 or memory_mb * workers <= memory_gib * 1024 // 2


def test_what_is_set_holds_and_pixels_follow_the_memory_that_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: 4 * GIB)
    of_machine = Settings(decode_workers=4)
    assert limits_of(of_machine) == DecodeLimits(512 << 20, 60.0, 512)
    less = Settings(decode_workers=4, decode_memory_mb=128, decode_timeout_s=5)
    assert limits_of(less) == DecodeLimits(128 << 20, 5.0, 128)
    wide = Settings(decode_workers=4, max_megapixels=2000.5)
    assert limits_of(wide) == DecodeLimits(2_000_500_000, 60.0, 512)


def system(root: Path, groups: str) -> Path:
    """A system's own files: 8 GB of memory, and this process's control groups."""
    files = {"proc/meminfo": "MemTotal:  8000000 kB\nMemFree: 9 kB\n", "proc/self/cgroup": groups}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_without_a_control_groups_limit_it_is_the_machines_memory(tmp_path: Path) -> None:
    assert machine.memory_bytes(system(tmp_path, "0::/user\n")) == 8_000_000 << 10


def test_the_least_limit_of_a_control_group_and_those_above_counts(tmp_path: Path) -> None:
    root = system(tmp_path, "0::/a/b\n")
    for folder, limit in (("a/b", "max"), ("a", str(3 * GIB)), (".", str(4 * GIB))):
        place = root / "sys/fs/cgroup" / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / "memory.max").write_text(limit + "\n")
    assert machine.memory_bytes(root) == 3 * GIB


def test_a_container_whose_group_has_the_hosts_path_is_bounded_by_its_top(tmp_path: Path) -> None:
    root = system(tmp_path, "5:cpu:/x\n4:memory:/docker/1f\n")
    top = root / "sys/fs/cgroup/memory"
    top.mkdir(parents=True)
    (top / "memory.limit_in_bytes").write_text(f"{2 * GIB}\n")
    assert machine.memory_bytes(root) == 2 * GIB


def test_a_limit_above_the_machines_memory_changes_nothing(tmp_path: Path) -> None:
    root = system(tmp_path, "4:memory:/\n")
    top = root / "sys/fs/cgroup/memory"
    top.mkdir(parents=True)
    (top / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert machine.memory_bytes(root) == 8_000_000 << 10


def test_a_system_without_such_files_still_has_an_answer(tmp_path: Path) -> None:
    assert machine.memory_bytes(tmp_path) > 100 << 20


def test_a_refusal_holds_until_its_own_limit_is_higher() -> None:
    small = DecodeLimits(max_pixels=1000, timeout_s=2.5, memory_mb=128)
    pixels, memory, slow = too_many_pixels((50, 40), small), too_much_memory(small), too_slow(small)
    assert not any(is_lifted(reason, small) for reason in (pixels, memory, slow))
    larger = DecodeLimits(max_pixels=2000, timeout_s=2.5, memory_mb=128)
    assert [is_lifted(reason, larger) for reason in (pixels, memory, slow)] == [True, False, False]
    larger = DecodeLimits(max_pixels=1999, timeout_s=2.5, memory_mb=129)
    assert [is_lifted(reason, larger) for reason in (pixels, memory, slow)] == [False, True, False]
    larger = DecodeLimits(max_pixels=1999, timeout_s=3, memory_mb=128)
    assert [is_lifted(reason, larger) for reason in (pixels, memory, slow)] == [False, False, True]


def test_a_file_that_is_itself_too_large_is_lifted_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with path.open("wb") as file:
        file.truncate(200 << 20)
    with pytest.raises(
        MediaError, match=r"128 MB of memory \(about 200\): raise decode_memory_mb"
    ) as refused:
        read_file(path, DecodeLimits(memory_mb=128))
    assert is_lifted(str(refused.value), DecodeLimits(memory_mb=256))


def test_refusals_that_older_versions_recorded_are_understood() -> None:
    assert is_lifted("needs more than 1024 MB of memory", DecodeLimits(memory_mb=2048))
    assert is_lifted("20000x20000 is 400.0 megapixels, over the limit of 300", DecodeLimits(10**9))


@pytest.mark.parametrize("reason", ["empty file", "the decoder crashed (SIGSEGV)", ""])
def test_no_limit_lifts_a_failure_that_has_another_reason(reason: str) -> None:
    assert not is_lifted(reason, DecodeLimits(10**12, 10**6, 1 << 20))
