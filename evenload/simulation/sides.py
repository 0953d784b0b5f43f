"""The real device services' cores around simulated devices, joined without sockets, in virtual time.

`PlugSide` is plug_control's switching core with a relay; `station_side.py` has the gateway's with a station. Messages
take no time; what both do between them is what they do in production: leases, looks, verification.
"""

from typing import Protocol

from msgspec.structs import replace

from evenload.contracts.events import LoadState, LoadStatus, Setpoint
from evenload.simulation.virtual_time import MONOTONIC_START_S, utc
from services.plug_control.config import PlugPlan
from services.plug_control.raw import RawObservation
from services.plug_control.state import Fact, Failed, Given, Looked, Now, Passed, Switched
from services.plug_control.switching import begin, step

_MOST_CALLS = 64


class Side(Protocol):
    """A load's service and its device."""

    def give(self, setpoint: Setpoint, now_s: float) -> None:
        """Let a setpoint arrive at the service."""

    def set_given(self, given: LoadStatus, now_s: float) -> None:
        """Let vehicle or device do something else."""

    def link(self, up: bool, now_s: float) -> None:
        """Cut or restore the way between service and device."""

    def advance(self, now_s: float, drawn_a: float) -> None:
        """Let time pass; the device draws `drawn_a` per line."""

    def next_s(self) -> float:
        """Return when it has something to do by itself."""

    def offers_a(self, now_s: float) -> float:
        """Return what the device lets pass, A per line."""

    def take_news(self) -> bool:
        """Tell whether the service published since last asked."""

    def state(self, now_s: float) -> LoadState:
        """Return the state that the service publishes."""


class PlugSide:
    """One relay that measures; it does what it is told at once."""

    def __init__(self, plan: PlugPlan, given: LoadStatus, now_s: float) -> None:
        self._plan = plan
        self._state = begin(_now(now_s))
        self._given: LoadStatus = given
        self._on, self._linked, self._drawn_a = False, True, 0.0
        self._off_s: float | None = None
        self._published: LoadState | None = None
        self._news = False
        self._look(now_s)

    def give(self, setpoint: Setpoint, now_s: float) -> None:
        """Take the setpoint; the relay follows."""
        self._feed(Given(setpoint), now_s)

    def set_given(self, given: LoadStatus, now_s: float) -> None:
        """Plug in or take away the device behind the plug."""
        self._given, self._news = given, True

    def link(self, up: bool, now_s: float) -> None:
        """Lose or regain the plug's network."""
        self._linked = up
        self._look(now_s)

    def advance(self, now_s: float, drawn_a: float) -> None:
        """Let the plug's own timer run out, and look when it is time."""
        if self._off_s is not None and now_s >= self._off_s:
            self._on, self._off_s = not self._on, None
        changed, self._drawn_a = drawn_a != self._drawn_a, drawn_a
        if changed or now_s >= self._state.next_look_s - MONOTONIC_START_S:
            self._look(now_s)
        else:
            self._feed(Passed(), now_s)

    def next_s(self) -> float:
        """Return when the plug's own timer runs out; looks come with the meters' beat."""
        return float("inf") if self._off_s is None else self._off_s

    def offers_a(self, now_s: float) -> float:
        """Return its rating while the relay is closed."""
        return self._plan.rated_a if self._on else 0.0

    def take_news(self) -> bool:
        """Tell whether the core published."""
        news, self._news = self._news, False
        return news

    def state(self, now_s: float) -> LoadState:
        """Return what the core published last; a device that is not there is told as it is."""
        if self._published is None:
            return LoadState(
                site=self._plan.site,
                load=self._plan.load,
                measured_at=utc(now_s),
                status="unavailable",
                reachable=False,
            )
        if self._given in ("charging", "preparing", "suspended_evse"):
            return self._published
        return replace(self._published, status=self._given)

    def _look(self, now_s: float) -> None:
        if not self._linked:
            self._feed(Failed("no answer"), now_s)
            return
        power_w = self._drawn_a * self._plan.voltage_v * len(self._plan.lines)
        self._feed(Looked(RawObservation(relay=self._on, power_w=power_w, voltage_v=self._plan.voltage_v)), now_s)

    def _feed(self, fact: Fact, now_s: float) -> None:
        """Run the core on a fact and do what it says, until nothing is left to do."""
        for _ in range(_MOST_CALLS):
            self._state, output = step(self._plan, self._state, fact, _now(now_s))
            if output.load_state is not None:
                self._published, self._news = output.load_state, True
            if output.command is None:
                return
            if not self._linked:
                fact = Failed("no answer")
                continue
            self._on = output.command.on
            self._off_s = None if output.command.revert_s is None else now_s + output.command.revert_s
            fact = Switched()


def _monotonic(now_s: float) -> float:
    return MONOTONIC_START_S + now_s


def _now(now_s: float) -> Now:
    return Now(_monotonic(now_s), utc(now_s))
