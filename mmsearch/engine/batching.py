"""Calls that come while one runs are merged into the next.

Leader and followers: the thread that finds nobody at work runs its own call at once, so that a
lone call waits for nothing. Who comes meanwhile waits; when the work ends, one of them takes all
that wait into one run. There is no thread of its own and no timer.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Call = TypeVar("Call")
Result = TypeVar("Result")


class _Ticket(Generic[Call, Result]):
    """One call on its way: its thread waits on `turn` until it is answered, or is to lead."""

    __slots__ = ("answered", "call", "error", "result", "turn")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.turn = threading.Event()
        self.answered = False
        self.result: Result | None = None
        self.error: Exception | None = None

    def answer(self, result: Result | None, error: Exception | None) -> None:
        """Settle this call; its thread goes on."""
        self.result, self.error, self.answered = result, error, True
        self.turn.set()


class Batcher(Generic[Call, Result]):
    """Merges calls from many threads into runs of `run`, one run at a time.

    `run` gives one result a call, in their order, or the error to raise for it. Where it raises
    for several calls at once, each is run again alone, so that an error reaches only the calls it
    belongs to.
    """

    def __init__(
        self, run: Callable[[Sequence[Call]], Sequence[Result | Exception]], max_calls: int
    ) -> None:
        self._run = run
        self._max_calls = max_calls
        self._lock = threading.Lock()
        self._waiting: deque[_Ticket[Call, Result]] = deque()
        self._busy = False

    def __call__(self, call: Call) -> Result:
        """The result of one call; whatever `run` raises for it."""
        ticket: _Ticket[Call, Result] = _Ticket(call)
        with self._lock:
            self._waiting.append(ticket)
            if not self._busy:
                self._busy = True
                ticket.turn.set()
        try:
            ticket.turn.wait()
            if not ticket.answered:
                self._lead()
        except BaseException:
            self._withdraw(ticket)
            raise
        if ticket.error is not None:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]  # answered without an error

    def _lead(self) -> None:
        """Run what waits, this thread's own call first, then let another one lead."""
        with self._lock:
            count = min(len(self._waiting), self._max_calls)
            batch = [self._waiting.popleft() for _ in range(count)]
        try:
            self._settle(batch)
        finally:
            with self._lock:
                # A leader that is struck down (Ctrl-C) leaves the others' calls to the next one.
                self._waiting.extendleft(t for t in reversed(batch[1:]) if not t.answered)
                self._pass_on()

    def _pass_on(self) -> None:
        """Make the first that waits the leader; the lock is held."""
        self._busy = bool(self._waiting)
        if self._waiting:
            self._waiting[0].turn.set()

    def _withdraw(self, ticket: _Ticket[Call, Result]) -> None:
        """Forget the call of a thread that goes (Ctrl-C); another one leads in its place."""
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                if ticket.turn.is_set():
                    self._pass_on()

    def _settle(self, batch: Sequence[_Ticket[Call, Result]]) -> None:
        """Answer all calls of a batch; where they fail together, each on its own."""
        try:
            results = self._run([ticket.call for ticket in batch])
        except Exception as exc:  # noqa: BLE001 - goes to whoever called
            if len(batch) == 1:
                batch[0].answer(None, exc)
                return
        else:
            for ticket, result in zip(batch, results, strict=True):
                if isinstance(result, Exception):
                    ticket.answer(None, result)
                else:
                    ticket.answer(result, None)
            return
        for ticket in batch:
            self._settle([ticket])
