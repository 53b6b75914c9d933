"""Ctrl-C waits for a point at which nothing is half done."""

from __future__ import annotations

import signal
import threading

import pytest

from mmsearch.engine.interrupts import InterruptibleProgress
from mmsearch.engine.progress import SilentProgress


def _press() -> None:
    """What Python does for a Ctrl-C: a real one is sent to a process of its own elsewhere."""
    handler = signal.getsignal(signal.SIGINT)
    assert callable(handler)
    handler(signal.SIGINT, None)


def test_ctrl_c_waits_for_the_next_safe_point_and_is_raised_once() -> None:
    with InterruptibleProgress(SilentProgress()) as progress:
        _press()
        progress.on_warning("no safe point")
        with pytest.raises(KeyboardInterrupt):
            progress.on_progress(1, 2, 0)
        progress.on_progress(2, 2, 0)


def test_a_second_ctrl_c_strikes_at_once() -> None:
    with InterruptibleProgress(SilentProgress()):
        _press()
        with pytest.raises(KeyboardInterrupt):
            _press()


def test_afterwards_ctrl_c_is_what_it_was() -> None:
    with InterruptibleProgress(SilentProgress()):
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_meaning_of_ctrl_c_is_left_alone() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        with InterruptibleProgress(SilentProgress()) as progress:
            _press()
            progress.on_scan(1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]


def test_other_threads_may_index_too() -> None:
    failures: list[BaseException] = []

    def index() -> None:
        try:
            with InterruptibleProgress(SilentProgress()) as progress:
                progress.on_scan(1)
        except BaseException as exc:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(exc)

    thread = threading.Thread(target=index)
    thread.start()
    thread.join()
    assert failures == []
