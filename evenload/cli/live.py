"""The live status: events fold into the view as they arrive, and the terminal follows at a bounded rate."""

import asyncio
import contextlib

from rich.console import Console
from rich.live import Live

from evenload.cli.last_known import last_known
from evenload.cli.status_table import render
from evenload.cli.status_view import StatusEvent, View, heard, noted, without
from evenload.contracts import subjects
from evenload.contracts.events import Alert, Decision, LoadState, MeterReading
from evenload.contracts.plan_events import LoadPlan
from evenload.contracts.wire import Codec, ContractError
from evenload.runtime.bus import Bus
from evenload.runtime.clock import Clock

FASTEST_S, SLOWEST_S = 0.25, 1.0
_CODEC = Codec(Decision | LoadState | Alert | MeterReading | LoadPlan, "status event")


class Watch:
    """Keeps the newest view; `changed` is set when something arrived."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus, self._clock = bus, clock
        self.view = View()
        self.changed = asyncio.Event()

    async def start(self) -> None:
        """Begin with what was said last and follow from there."""
        self.view = await last_known(self._bus, self._clock)
        wanted = subjects.decision(), subjects.load_state(), subjects.alerts(), subjects.reading(), subjects.load_plan()
        for subject in wanted:
            await self._bus.subscribe(subject, self._take)
        self.changed.set()

    def _take(self, subject: str, data: bytes) -> None:
        try:
            event: StatusEvent = _CODEC.decode(data, subject)
        except ContractError:
            return  # the next whole event comes within its period
        self.view = heard(self.view, event, self._clock.monotonic())
        self.changed.set()

    def note(self, text: str) -> None:
        """Show a line below the sites."""
        self.view = noted(self.view, text)
        self.changed.set()

    def forget(self, site: str) -> None:
        """Show a site no longer."""
        self.view = without(self.view, site)
        self.changed.set()


async def show(watch: Watch, clock: Clock, console: Console) -> None:
    """Show the view until cancelled: on a terminal in place, else as a new table every 5 s."""
    if not console.is_terminal:
        await _print_each(watch, clock, console, every_s=5.0)
    with Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        while True:
            live.update(render(watch.view, clock.monotonic(), console.width))
            # a stopped terminal (Ctrl-S) blocks only this thread, never the supervisor beside it
            await asyncio.to_thread(live.refresh)
            await asyncio.sleep(FASTEST_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(watch.changed.wait(), SLOWEST_S - FASTEST_S)
            watch.changed.clear()


async def _print_each(watch: Watch, clock: Clock, console: Console, every_s: float) -> None:
    while True:
        console.print(render(watch.view, clock.monotonic(), console.width))
        await asyncio.sleep(every_s)
