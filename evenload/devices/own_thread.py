"""A thread for one device whose library blocks: it waits for nobody, and nobody waits for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class OwnThread:
    """Calls one after the other, in one thread. The threads that all share look up names, which must not wait."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns. Cancelled, a call under way ends by itself; one that waits is dropped."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    def close(self) -> None:
        """Take no more calls; what is queued is still done."""
        self._pool.shutdown(wait=False)
