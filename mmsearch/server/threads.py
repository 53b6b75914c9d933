"""Where blocking work runs, so that the event loop stays free: bounded pools of threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_FILE_THREADS = 8


class Threads:
    """One pool for questions, one for files: slow pictures are not to hold up searches."""

    def __init__(self, n_searches: int) -> None:
        self._searches = ThreadPoolExecutor(n_searches, thread_name_prefix="search")
        self._files = ThreadPoolExecutor(_FILE_THREADS, thread_name_prefix="files")

    async def search(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `call`, run in a thread for questions."""
        return await _run(self._searches, call, *args, **kwargs)

    async def file(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `call`, run in a thread for pictures and the catalogue's slower sides."""
        return await _run(self._files, call, *args, **kwargs)

    def close(self) -> None:
        """Wait for what runs; what has not begun is dropped."""
        for pool in (self._searches, self._files):
            pool.shutdown(wait=True, cancel_futures=True)


async def _run(
    pool: ThreadPoolExecutor, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    return await asyncio.wrap_future(pool.submit(call, *args, **kwargs))
