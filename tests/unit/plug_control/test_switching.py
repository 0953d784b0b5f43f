"""When a relay is switched, what is believed of it, and what is told, in virtual time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from msgspec import structs

from evenload.contracts.events import Alert, Applied, LoadState, Refused, Setpoint, SetpointResult, Unreachable
from evenload.contracts.phases import PerPhase
from services.plug_control.alerts import RULES
from services.plug_control.config import PlugPlan
from services.plug_control.raw import RawObservation
from services.plug_control.state import Command, Fact, Failed, Given, Looked, Now, Passed, Switched
from services.plug_control.switching import begin, step

T0 = datetime(2026, 1, 1, tzinfo=UTC)
PLAIN = PlugPlan(
    site="home",
    load="heater",
    driver="mqtt",
    options=None,
    levels_w=(0.0, 2000.0),
    lines=("L2",),
    voltage_v=230,
)
TIMED = structs.replace(PLAIN, reverts=frozenset({True, False}))


@dataclass
class Bench:
    """A plug and its device, stepped together as the shell does; the device is a plain relay with a load."""

    plan: PlugPlan = PLAIN
    on: bool = False
    follows: bool = True
    welded: bool = False
    answers: bool = True
    garbage: bool = False
    measured_w: Callable[[bool], object] = lambda on: 1990.0 if on else 0.3
    now_s: float = 1000.0
    seq: int = 0
    commands: list[tuple[float, Command]] = field(default_factory=list)
    states: list[LoadState] = field(default_factory=list)
    results: list[SetpointResult] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = begin(self._now())

    def run(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.feed(self._look() if self.now_s >= self.state.next_look_s else Passed())
            self.now_s = round(self.now_s + 0.1, 1)

    def setpoint(self, setpoint_a: float, epoch: int = 1, valid_s: float = 15.0) -> None:
        self.seq += 1
        given = Setpoint(
            site="home", load="heater", setpoint_a=setpoint_a, issued_at=T0, epoch=epoch, seq=self.seq, valid_s=valid_s
        )
        self.feed(Given(given))

    def feed(self, fact: Fact | None) -> None:
        while fact is not None:
            self.state, output = step(self.plan, self.state, fact, self._now())
            self.states += [output.load_state] if output.load_state else []
            self.results += output.results
            self.alerts += output.alerts
            fact = None if output.command is None else self._obey(output.command)

    def _obey(self, command: Command) -> Fact:
        self.commands.append((self.now_s, command))
        if not self.answers:
            return Failed("no answer")
        if self.follows:
            self.on = command.level > 0
        return Switched()

    def _look(self) -> Fact:
        if not self.answers:
            return Failed("no answer")
        relay = None if self.garbage else self.on
        return Looked(RawObservation(relay=relay, power_w=self.measured_w(self.on or self.welded)))

    def _now(self) -> Now:
        return Now(self.now_s, T0 + timedelta(seconds=self.now_s))

    def standing(self) -> set[str]:
        last = {alert.kind: alert.active for alert in self.alerts}
        return {kind for kind, active in last.items() if active}

    @property
    def last(self) -> LoadState:
        return self.states[-1]


def test_a_setpoint_above_zero_is_on_and_zero_is_off() -> None:
    bench = Bench()
    bench.run(1)
    bench.setpoint(8.7)
    bench.run(3)
    assert bench.on
    assert (bench.last.status, bench.last.setpoint_a, bench.last.measured_a) == ("charging", 8.7, PerPhase(l2=8.652))
    bench.setpoint(0)
    bench.run(3)
    assert not bench.on
    assert (bench.last.status, bench.last.setpoint_a) == ("suspended_evse", 0.0)
    assert [type(result) for result in bench.results] == [Applied, Applied]


def test_a_renewed_setpoint_is_answered_once_and_sends_nothing() -> None:
    bench = Bench()
    for _ in range(10):
        bench.setpoint(8.7)
        bench.run(4)
    assert len(bench.results) == 1
    assert len(bench.commands) == 1
    assert bench.last.setpoint_seq >= 9


def test_a_relay_that_is_as_wanted_already_is_not_touched() -> None:
    bench = Bench(on=True)
    bench.run(1)
    bench.setpoint(8.7)
    bench.run(3)
    assert bench.commands == []
    assert isinstance(bench.results[0], Applied)


@pytest.mark.parametrize("failsafe_on", [False, True])
def test_the_end_of_the_lease_is_the_failsafe(failsafe_on: bool) -> None:
    bench = Bench(structs.replace(PLAIN, failsafe_level=int(failsafe_on), dead_w=2000.0 * failsafe_on))
    bench.setpoint(0 if failsafe_on else 8.7)
    bench.run(14.8)
    assert bench.on is not failsafe_on
    bench.run(2)
    assert not bench.on, "rising to the failsafe waits for the neighbours' leases"
    bench.run(12)
    assert bench.on is failsafe_on
    assert bench.last.failsafe_a == (8.7 if failsafe_on else 0.0)


def test_a_start_leaves_the_relay_as_it_is_for_one_lease() -> None:
    bench = Bench(on=True)
    bench.run(14.8)
    assert bench.commands == []
    assert bench.last.status == "charging"
    bench.run(2)
    assert not bench.on


def test_a_timer_is_armed_and_armed_again_every_20_s() -> None:
    bench = Bench(TIMED)
    for _ in range(15):
        bench.setpoint(8.7)
        bench.run(4)
    assert [command.revert_s for _, command in bench.commands] == [60.0] * 3
    times = [at_s for at_s, _ in bench.commands]
    assert [round(later - earlier) for earlier, later in pairwise(times)] == [20, 20]
    assert bench.last.failsafe_in_s is not None
    assert 35 < bench.last.failsafe_in_s <= 60


def test_off_needs_no_timer_when_off_is_the_failsafe() -> None:
    bench = Bench(TIMED, on=True)
    bench.run(1)
    bench.setpoint(0)
    bench.run(3)
    assert [command for _, command in bench.commands] == [Command(0)]
    assert bench.last.failsafe_in_s == 0.0


def test_without_a_timer_it_never_falls_back_by_itself() -> None:
    bench = Bench()
    bench.setpoint(8.7)
    bench.run(3)
    assert bench.last.failsafe_in_s is None


def test_a_relay_that_does_not_follow_is_tried_again_and_then_refused() -> None:
    bench = Bench(follows=False)
    bench.run(1)
    for _ in range(4):
        bench.setpoint(8.7)
        bench.run(4)
    assert [type(result) for result in bench.results] == [Refused]
    assert bench.last.status == "faulted"
    assert 3 <= len(bench.commands) <= 5


def test_a_relay_that_stays_on_is_told_within_15_s_and_does_not_obey() -> None:
    """faults.md E2, by the relay's state."""
    bench = Bench(on=True, follows=False)
    bench.run(1)
    for _ in range(4):
        bench.setpoint(0)
        bench.run(4)
    assert bench.standing() == {"plug_stuck_on"}
    assert not bench.last.obeys
    assert bench.last.measured_a == PerPhase(l2=8.652)
    bench.follows = True
    bench.setpoint(0)
    bench.run(11)
    assert bench.standing() == set()
    assert bench.last.obeys


def test_a_welded_contact_is_seen_by_its_power() -> None:
    """faults.md E2, by the power behind a relay that says off."""
    bench = Bench(on=True, welded=True)
    bench.run(1)
    for _ in range(4):
        bench.setpoint(0)
        bench.run(4)
    assert bench.standing() == {"plug_stuck_on"}
    assert (bench.last.obeys, bench.last.status) == (False, "charging")


def test_a_load_that_draws_nothing_for_a_minute_is_told_as_information() -> None:
    """faults.md E3."""
    bench = Bench(measured_w=lambda on: 0.0)
    for _ in range(16):
        bench.setpoint(8.7)
        bench.run(4)
    assert bench.standing() == {"plug_stuck_off"}
    assert bench.alerts[-1].severity == "info"


def test_a_thermostat_that_opens_later_is_no_fault() -> None:
    bench = Bench()
    bench.setpoint(8.7)
    bench.run(4)
    bench.measured_w = lambda on: 0.0
    for _ in range(20):
        bench.setpoint(8.7)
        bench.run(4)
    assert bench.standing() == set()


def test_a_plug_switched_by_hand_is_put_back_and_told() -> None:
    """faults.md E5."""
    bench = Bench()
    bench.run(1)
    bench.setpoint(0)
    bench.run(3)
    bench.on = True
    bench.run(3)
    assert not bench.on
    assert [(alert.kind, alert.active) for alert in bench.alerts if alert.kind == "plug_by_hand"][-2:] == [
        ("plug_by_hand", True),
        ("plug_by_hand", False),
    ]


def test_a_plug_out_of_contact_is_unavailable_and_comes_back() -> None:
    """faults.md E1: out of contact it counts as on, for whoever counts it sees that it is not reachable."""
    bench = Bench(on=True)
    bench.run(1)
    bench.answers = False
    for _ in range(3):
        bench.setpoint(0)
        bench.run(4)
    assert (bench.last.status, bench.last.reachable) == ("unavailable", False)
    assert bench.standing() == {"plug_unreachable"}
    assert [type(result) for result in bench.results] == [Unreachable]
    bench.answers = True
    for _ in range(2):
        bench.setpoint(0)
        bench.run(4)
    assert not bench.on
    assert bench.last.reachable
    assert bench.standing() == set()
    assert [type(result) for result in bench.results] == [Unreachable, Applied]


def test_a_load_that_draws_more_than_its_rating_is_told_with_what_it_draws() -> None:
    """faults.md E4: the mean of its last five readings is told and shown; whoever shares reserves the larger."""
    bench = Bench(measured_w=lambda on: 2900.0 if on else 0.3)
    for _ in range(4):
        bench.setpoint(8.7)
        bench.run(4)
    assert bench.standing() == {"plug_rating"}
    assert bench.last.learned_w == 2900.0
    assert bench.last.measured_a == PerPhase(l2=12.609)


def test_a_plug_that_boots_on_is_put_off_at_once() -> None:
    """faults.md E5: it is away for some seconds and comes back with its relay closed."""
    bench = Bench()
    bench.run(1)
    bench.setpoint(0, valid_s=60)
    bench.run(2)
    bench.answers = False
    bench.run(8)
    bench.answers, bench.on = True, True
    bench.run(6)
    assert not bench.on
    assert bench.last.status == "suspended_evse"


@pytest.mark.parametrize("kind", sorted(RULES))
def test_every_alert_says_what_to_do(kind: str) -> None:
    assert len(RULES[kind].remedy) > 20


def test_one_lost_answer_changes_nothing() -> None:
    bench = Bench()
    bench.run(2)
    bench.answers = False
    bench.run(1)
    bench.answers = True
    bench.run(3)
    assert all(state.reachable for state in bench.states)


def test_garbage_counts_as_no_answer() -> None:
    bench = Bench(garbage=True)
    bench.run(12)
    assert not bench.last.reachable


def test_commands_to_a_plug_that_does_not_answer_are_bounded() -> None:
    bench = Bench(answers=False)
    for _ in range(15):
        bench.setpoint(8.7)
        bench.run(4)
    assert len(bench.commands) <= 10


def test_a_lower_epoch_is_dropped_until_a_minute_without_a_lease() -> None:
    bench = Bench()
    bench.setpoint(8.7, epoch=5)
    bench.run(2)
    bench.setpoint(0, epoch=4)
    bench.run(2)
    assert bench.on
    assert bench.last.epoch == 5
    bench.run(75)
    bench.setpoint(8.7, epoch=1)
    bench.run(3)
    assert bench.on
    assert bench.last.epoch == 1


def test_state_is_told_every_5_s_and_on_change_only() -> None:
    bench = Bench()
    bench.run(20)
    assert 4 <= len(bench.states) <= 6


@pytest.mark.parametrize("power", [None, float("nan"), float("inf"), 1e9, 10**400, "12", True])
def test_a_power_that_cannot_be_is_not_measured(power: object) -> None:
    bench = Bench(measured_w=lambda on: power)
    bench.setpoint(8.7)
    bench.run(3)
    assert bench.last.power_w is None
    assert bench.last.measured_a is None
    assert bench.last.status == "charging"
