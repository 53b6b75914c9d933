"""Comparing a scan with the catalogue: new, changed, unchanged, vanished, unknown."""

from __future__ import annotations

from pathlib import Path

from mmsearch.catalogue import KnownFailure, KnownFile
from mmsearch.engine.diff import Need, ScopeDiff, diff_scope
from mmsearch.engine.scopes import Scope
from mmsearch.media.scan import ScannedFile, ScanProblem

ROOT = Path("/photos")
WHOLE = Scope(1, ROOT, b"")


def _scanned(name: str, size: int = 10, mtime: int = 100) -> ScannedFile:
    return ScannedFile(ROOT / name, name.encode(), size, mtime)


def _known(media_id: int, name: str, size: int = 10, mtime: int = 100) -> KnownFile:
    return KnownFile(media_id, media_id + 50, name.encode(), size, mtime)


def _failed(
    relative: bytes, size: int = 10, mtime: int = 100, reason: str = "truncated: too short"
) -> KnownFailure:
    return KnownFailure(relative, size, mtime, reason)


def _diff(
    scanned: list[ScannedFile | ScanProblem],
    known: list[KnownFile],
    failures: list[KnownFailure] | None = None,
    scope: Scope = WHOLE,
    *,
    recheck: bool = False,
    final: bool = True,
) -> ScopeDiff:
    return diff_scope(
        scope,
        scanned,
        {row.relative: row for row in known},
        {row.relative: row for row in failures or []},
        lambda _: final,
        recheck=recheck,
    )


def test_same_size_and_time_is_unchanged() -> None:
    diff = _diff([_scanned("a.jpg")], [_known(1, "a.jpg")])
    assert (diff.unchanged, diff.pending, diff.vanished) == (1, (), ())


def test_another_size_or_time_is_a_change() -> None:
    known = [_known(1, "a.jpg"), _known(2, "b.jpg")]
    diff = _diff([_scanned("a.jpg", size=11), _scanned("b.jpg", mtime=99)], known)
    assert [(file.need, file.media_id) for file in diff.pending] == [
        (Need.CHANGED, 1),
        (Need.CHANGED, 2),
    ]


def test_an_unknown_file_is_new() -> None:
    (file,) = _diff([_scanned("a.jpg", size=7, mtime=8)], []).pending
    assert (file.need, file.relative, file.media_id) == (Need.NEW, b"a.jpg", None)
    assert (file.size_bytes, file.mtime_ns, file.path) == (7, 8, ROOT / "a.jpg")


def test_a_known_file_that_was_not_seen_vanished() -> None:
    gone = _known(2, "gone.jpg")
    assert _diff([_scanned("a.jpg")], [_known(1, "a.jpg"), gone]).vanished == (gone,)


def test_a_failure_is_tried_again_only_when_it_changed() -> None:
    failures = [_failed(b"bad.jpg", 10, 100), _failed(b"mended.jpg", 10, 100)]
    diff = _diff([_scanned("bad.jpg"), _scanned("mended.jpg", size=12)], [], failures)
    assert diff.failed == 1
    assert [file.relative for file in diff.pending] == [b"mended.jpg"]


def test_a_failure_that_is_not_final_is_tried_again_unchanged() -> None:
    failures = [KnownFailure(b"big.jpg", 10, 100, "x")]
    diff = _diff([_scanned("big.jpg")], [], failures, final=False)
    assert (diff.failed, [file.relative for file in diff.pending]) == (0, [b"big.jpg"])


def test_a_failure_whose_file_left_is_resolved() -> None:
    assert _diff([], [], [_failed(b"bad.jpg", 10, 100)]).resolved == (b"bad.jpg",)


def test_what_lies_below_a_closed_folder_did_not_vanish() -> None:
    """Neither files nor failures below a problem count as gone; a like-named folder does."""
    problem = ScanProblem(ROOT / "a/closed", "permission denied", b"a/closed")
    inside, beside = _known(1, "a/closed/x.jpg"), _known(2, "a/closed2/x.jpg")
    failures = [_failed(b"a/closed/bad.jpg", 1, 1), _failed(b"a/bad.jpg", 1, 1)]
    diff = _diff([problem], [inside, beside], failures)
    assert diff.vanished == (beside,)
    assert diff.resolved == (b"a/bad.jpg",)
    assert diff.problems == (problem,)


def test_nothing_vanishes_below_a_root_that_cannot_be_read() -> None:
    problem = ScanProblem(ROOT, "permission denied", b"")
    assert _diff([problem], [_known(1, "a/x.jpg"), _known(2, "y.jpg")]).vanished == ()


def test_a_closed_scope_below_the_root_keeps_its_rows() -> None:
    scope = Scope(1, ROOT / "sub", b"sub")
    problem = ScanProblem(ROOT / "sub", "permission denied", b"")
    assert _diff([problem], [_known(1, "sub/x.jpg")], scope=scope).vanished == ()


def test_paths_below_a_scope_get_its_prefix() -> None:
    scope = Scope(1, ROOT / "sub", b"sub")
    scanned = ScannedFile(ROOT / "sub/x.jpg", b"x.jpg", 10, 100)
    assert _diff([scanned], [_known(1, "sub/x.jpg")], scope=scope).unchanged == 1


def test_a_file_scope_is_its_own_path() -> None:
    scope = Scope(1, ROOT / "sub/x.jpg", b"sub/x.jpg", is_file=True)
    scanned = ScannedFile(ROOT / "sub/x.jpg", b"x.jpg", 10, 100)
    assert _diff([scanned], [_known(1, "sub/x.jpg")], scope=scope).unchanged == 1


def test_a_failure_that_may_have_ended_is_tried_again_with_its_row_as_it_is() -> None:
    failures = [_failed(b"a.jpg"), _failed(b"b.jpg")]
    found = [_scanned("a.jpg"), _scanned("b.jpg")]
    diff = _diff([*found], [_known(2, "b.jpg")], failures, final=False)
    assert diff.failed == diff.unchanged == 0
    assert [(file.need, file.media_id) for file in diff.pending] == [
        (Need.NEW, None),
        (Need.RECHECK, 2),
    ]


def test_a_recheck_takes_nothing_for_unchanged() -> None:
    scanned = [_scanned(name) for name in ("a.jpg", "bad.jpg", "new.jpg")]
    scanned.append(_scanned("b.jpg", mtime=5))
    known = [_known(1, "a.jpg"), _known(2, "b.jpg")]
    diff = _diff([*scanned], known, [_failed(b"bad.jpg")], recheck=True)
    assert diff.failed == diff.unchanged == 0
    assert [(file.relative, file.need) for file in diff.pending] == [
        (b"a.jpg", Need.RECHECK),
        (b"bad.jpg", Need.NEW),
        (b"new.jpg", Need.NEW),
        (b"b.jpg", Need.CHANGED),
    ]


def test_a_dangling_link_of_any_name_keeps_what_was_known_behind_it() -> None:
    """One that hides nothing, by its name or as far as is known, is not worth a word."""
    album = ScanProblem(ROOT / "album.2019", "a link to something missing", b"album.2019", False)
    note = ScanProblem(ROOT / "note.txt", "a link to something missing", b"note.txt", False)
    diff = _diff([album, note], [_known(1, "album.2019/x.jpg"), _known(2, "y.jpg")])
    assert diff.problems == (album,)
    assert [row.relative for row in diff.vanished] == [b"y.jpg"]


def test_how_many_files_were_known_is_told() -> None:
    assert _diff([_scanned("new.jpg")], [_known(1, "a.jpg"), _known(2, "b.jpg")]).n_known == 2
