"""plug_control's real core around one simulated device, in virtual time: a relay, or a device with more levels."""

from msgspec import structs
from msgspec.structs import replace

from evenload.contracts.events import LoadState, LoadStatus, MeterReading, Setpoint
from evenload.simulation.virtual_time import MONOTONIC_START_S, Wall, utc
from services.plug_control.config import PlugPlan
from services.plug_control.core import Input, Wish
from services.plug_control.pump import LONGEST_STEP_S, PumpMemory, counted
from services.plug_control.raw import RawObservation
from services.plug_control.remembering import kept, kept_rows, recalled, worth
from services.plug_control.state import Fact, Failed, Felt, Given, Looked, Now, Passed, Switched, Told
from services.plug_control.switching import LONGEST_LEASE_S, begin, step

_MOST_CALLS = 64


class PlugSide:
    """One device that measures; it does what it is told at once."""

    def __init__(self, plan: PlugPlan, given: LoadStatus, now_s: float, *, wall: Wall = utc) -> None:
        self._plan, self._wall = plan, wall
        self._state = begin(self._now(now_s))
        self._given: LoadStatus = given
        self._level, self._linked, self._drawn_a = plan.failsafe_level, True, 0.0
        self._off_s: float | None = None
        self._published: LoadState | None = None
        self._news = False
        self.alerts: frozenset[str] = frozenset()
        """Kinds that stand."""
        self._look(now_s)

    def give(self, setpoint: Setpoint, now_s: float) -> None:
        """Take the setpoint; the relay follows."""
        self._feed(Given(setpoint), now_s)

    def hold(self, now_s: float) -> None:
        """Let the setpoint in force hold from now on, as if it had come again all the while."""
        if self._state.lease is not None:
            until_s = MONOTONIC_START_S + now_s + LONGEST_LEASE_S
            self._state = structs.replace(self._state, lease_until_s=until_s)

    def watch(self, now_s: float) -> None:
        """Let a pump's core count what it ran until now, as if it had looked all the while and nothing had changed."""
        memory, look = self._state.memory, self._state.look
        if isinstance(memory, PumpMemory) and memory.seen_s is not None and look is not None:
            now, seen = self._now(now_s), Input(level=look.level, power_w=look.power_w)
            at_s = memory.seen_s + LONGEST_STEP_S
            while at_s < now.at_s:
                memory = counted(memory, seen, Now(at_s, now.utc))
                at_s += LONGEST_STEP_S
            self._state = structs.replace(self._state, memory=memory)

    def set_given(self, given: LoadStatus, now_s: float) -> None:
        """Plug in or take away the device behind the plug."""
        self._given, self._news = given, True

    def replan(self, plan: PlugPlan, now_s: float) -> None:
        """Take a changed site file: the service starts anew with this device, which stays as it is."""
        if plan != self._plan:
            before = self._state if plan.kind == self._plan.kind else None
            self._plan, self._state = plan, begin(self._now(now_s), before)
            self._look(now_s)

    def feel(self, reading: MeterReading, now_s: float) -> None:
        """Let a temperature arrive."""
        device = self._plan.device
        if device is not None and device.sensor == reading.meter:
            self._feed(Felt(reading), now_s)

    def tell(self, wish: Wish, now_s: float) -> None:
        """Let what is set by hand arrive."""
        if wish != self._state.wish:
            self._feed(Told(wish), now_s)

    def link(self, up: bool, now_s: float) -> None:
        """Lose or regain the plug's network."""
        self._linked = up
        self._look(now_s)

    def restart(self, now_s: float) -> None:
        """End and begin anew with what was kept of the core's memory, as the next process does; the device stays."""
        now, found = self._now(now_s), worth(self._state.memory)
        memory = None
        if found is not None:
            memory = recalled(self._plan, kept(self._plan, found, now), kept_rows(self._plan, found), now)
        self._state = structs.replace(begin(now), memory=memory, wish=self._state.wish)
        self._look(now_s)

    def advance(self, now_s: float, drawn_a: float) -> None:
        """Let the plug's own timer run out, and look when it is time."""
        if self._off_s is not None and now_s >= self._off_s:
            self._level, self._off_s = self._plan.failsafe_level, None
        changed, self._drawn_a = drawn_a != self._drawn_a, drawn_a
        if changed or now_s >= self._state.next_look_s - MONOTONIC_START_S:
            self._look(now_s)
        else:
            self._feed(Passed(), now_s)

    def next_s(self) -> float:
        """Return when the plug's own timer runs out; looks come with the meters' beat."""
        return float("inf") if self._off_s is None else self._off_s

    def offers_a(self, now_s: float) -> float:
        """Return what its level lets pass."""
        return self._plan.level_a(self._level)

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
                measured_at=self._wall(now_s),
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
        self._feed(Looked(RawObservation(relay=self._level, power_w=power_w, voltage_v=self._plan.voltage_v)), now_s)

    def _feed(self, fact: Fact, now_s: float) -> None:
        """Run the core on a fact and do what it says, until nothing is left to do."""
        for _ in range(_MOST_CALLS):
            self._state, output = step(self._plan, self._state, fact, self._now(now_s))
            for alert in output.alerts:
                self.alerts = self.alerts | {alert.kind} if alert.active else self.alerts - {alert.kind}
            if output.load_state is not None:
                self._published, self._news = output.load_state, True
            if output.command is None:
                return
            if not self._linked:
                fact = Failed("no answer")
                continue
            self._level = output.command.level
            self._off_s = None if output.command.revert_s is None else now_s + output.command.revert_s
            fact = Switched()

    def _now(self, now_s: float) -> Now:
        return Now(MONOTONIC_START_S + now_s, self._wall(now_s))
