"""Things that are costly to make, made once however many threads ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Once(Generic[Key, Value]):
    """Values by key, each made by the first who asks while others wait; a failure is not kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._making: dict[Key, threading.Lock] = {}
        self._made: dict[Key, Value] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._made

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of a key; whatever `make` raises."""
        with self._lock:
            one_maker = self._making.setdefault(key, threading.Lock())
        with one_maker:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]

    def clear(self) -> list[Value]:
        """Forget all values; they are handed out to be closed."""
        with self._lock:
            made, self._made = list(self._made.values()), {}
            return made
