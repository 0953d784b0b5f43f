"""Ending tasks for certain.

One cancellation is not enough: what a task waits in may swallow it (asyncio.wait_for before Python 3.12 does when both
come at once, and the MQTT library waits in it), and whoever then waits for the task waits for ever.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

CANCEL_AGAIN_S = 5.0
"""Longer than what a task may do on its way out, as telling a broker that it leaves."""
MOST_TRIES = 12


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel `tasks` and return when they are gone; raise `RuntimeError` for one that cannot be ended in a minute."""
    left = {task for task in tasks if not task.done()}
    for _ in range(MOST_TRIES):
        if not left:
            break
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # what it ended with is of no interest any more
    if left:
        raise RuntimeError(f"cannot be ended: {', '.join(sorted(task.get_name() for task in left))}")


async def run_until(work: Coroutine[Any, Any, None], *events: asyncio.Event) -> None:
    """Run `work` to its end, or until one of `events` is set; it is gone when this returns. Raises what it raises."""
    working = asyncio.create_task(work)
    ends = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait((working, *ends), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        await ended(working, *ends)


def end_if_cancelled() -> None:
    """Raise `CancelledError` when this task was cancelled and what it waited in has swallowed that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
