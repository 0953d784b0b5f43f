"""Answering requests: each in its own task, a bounded number at once, failures reported and never spread."""

import asyncio
from collections.abc import Callable

from evenload.runtime.bus import BusDown, Responder

MAX_AT_ONCE = 64


class Serving:
    """One served subject with its counts. A request beyond `MAX_AT_ONCE` gets no answer and is counted."""

    def __init__(self, subject: str, responder: Responder) -> None:
        self.subject, self._responder = subject, responder
        self.requests = self.errors = self.refused = 0
        self.busy_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, subject: str, data: bytes, answer: Callable[[bytes], None]) -> None:
        """Start answering one request; `answer` sends the reply."""
        self.requests += 1
        if len(self._tasks) >= MAX_AT_ONCE:
            self.refused += 1
            return
        task = asyncio.create_task(self._answer(subject, data, answer), name=f"answer {subject}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _answer(self, subject: str, data: bytes, answer: Callable[[bytes], None]) -> None:
        started_s = asyncio.get_running_loop().time()
        reply = await self._responder(subject, data)
        self.busy_s += asyncio.get_running_loop().time() - started_s
        try:
            answer(reply)
        except BusDown:
            self.errors += 1  # the requester is as cut off as we are and has timed out

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self.errors += 1
            context = {"message": f"answering {self.subject} failed", "exception": fault}
            task.get_loop().call_exception_handler(context)

    def cancel(self) -> None:
        """Stop what is being answered."""
        for task in self._tasks:
            task.cancel()
