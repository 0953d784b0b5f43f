"""One supervised task for each device; a change of plan restarts that device only and disturbs no other."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Generic, Protocol, TypeVar

from evenload.runtime.ending import run_until

P = TypeVar("P")


class Parts(Protocol):
    """Where supervised parts run; a service's `Context`."""

    stopping: asyncio.Event

    def spawn(self, part: str, factory: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `factory()`; again when it raises, done when it returns."""


class Berth(Generic[P]):
    """A device's place in the fleet: its key and plan, and the two ends of its life."""

    def __init__(self, key: str, plan: P) -> None:
        self.key, self.plan = key, plan
        self.retired, self.gone = asyncio.Event(), asyncio.Event()


class Fleet(Generic[P]):
    """Devices by key. `run(key, plan)` serves one device until it is cancelled."""

    def __init__(self, parts: Parts, kind: str, run: Callable[[str, P], Coroutine[Any, Any, None]]) -> None:
        self._parts, self._kind, self._run = parts, kind, run
        self._berths: dict[str, Berth[P]] = {}
        self._leaving: set[Berth[P]] = set()

    @property
    def keys(self) -> tuple[str, ...]:
        """Devices that are served now."""
        return tuple(self._berths)

    def set(self, prefix: str, wanted: Mapping[str, P]) -> None:
        """Serve exactly `wanted` of the keys that begin with `prefix`; equal plans go on undisturbed."""
        mine = [key for key in self._berths if key.startswith(prefix)]
        for key in mine:
            if key not in wanted:
                self._retire(key)
        for key, plan in wanted.items():
            berth = self._berths.get(key)
            if berth is None or berth.plan != plan:
                self._start(key, plan, self._retire(key))

    async def empty(self, prefix: str = "") -> None:
        """Return when the tasks of keys that begin with `prefix` are gone, after the stop or after retiring them."""
        for berth in (*self._berths.values(), *self._leaving):
            if berth.key.startswith(prefix):
                await berth.gone.wait()

    def _retire(self, key: str) -> Berth[P] | None:
        berth = self._berths.pop(key, None)
        if berth is not None:
            self._leaving.add(berth)
            berth.retired.set()
        return berth

    def _start(self, key: str, plan: P, before: Berth[P] | None) -> None:
        berth = self._berths[key] = Berth(key, plan)

        async def serve() -> None:
            if before is not None:
                await before.gone.wait()  # two tasks must never hold one device
            try:
                await run_until(self._run(key, plan), berth.retired, self._parts.stopping)
            finally:
                if berth.retired.is_set() or self._parts.stopping.is_set():
                    berth.gone.set()
                    self._leaving.discard(berth)

        self._parts.spawn(f"{self._kind} {key}", serve)
