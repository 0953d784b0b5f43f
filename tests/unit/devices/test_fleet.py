"""Work that is ended, even when it is deaf at first."""

import asyncio
import threading

import pytest

from evenload.devices.own_thread import OwnThread
from evenload.runtime import ending
from evenload.runtime.ending import end_if_cancelled, ended, run_until


async def test_work_that_swallows_a_cancellation_is_cancelled_again() -> None:
    begun, swallowed, ended = asyncio.Event(), 0, asyncio.Event()

    async def deaf() -> None:
        nonlocal swallowed
        begun.set()
        while swallowed < 1:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        ended.set()

    stop = asyncio.Event()
    running = asyncio.create_task(run_until(deaf(), stop))
    await begun.wait()
    stop.set()
    async with asyncio.timeout(20):
        await running
    assert ended.is_set()


async def test_a_task_that_can_never_be_ended_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "CANCEL_AGAIN_S", 0.001)
    let_go = asyncio.Event()

    async def stone_deaf() -> None:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    task = asyncio.create_task(stone_deaf(), name="deaf one")
    await asyncio.wait((task,), timeout=0.001)
    with pytest.raises(RuntimeError, match="cannot be ended: deaf one"):
        await ended(task)
    let_go.set()
    await task


async def test_a_device_that_blocks_its_thread_holds_up_no_other() -> None:
    slow, quick, let_go = OwnThread("slow"), OwnThread("quick"), threading.Event()
    waiting = asyncio.create_task(slow.call(lambda: let_go.wait(20)))
    assert await quick.call(lambda: "here") == "here"
    assert not waiting.done()
    let_go.set()
    assert await waiting
    for thread in (slow, quick):
        thread.close()


async def test_a_cancellation_that_was_swallowed_is_taken_up_again() -> None:
    begun, swallowed = asyncio.Event(), asyncio.Event()

    async def poll() -> None:
        while True:
            try:
                begun.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed.set()  # as asyncio.wait_for does when an answer comes in the same moment
            end_if_cancelled()

    task = asyncio.create_task(poll())
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(20):
        await asyncio.wait((task,))
    assert swallowed.is_set()
    assert task.cancelled()


async def test_a_time_limit_that_ran_out_is_no_cancellation() -> None:
    try:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    except TimeoutError:
        end_if_cancelled()
