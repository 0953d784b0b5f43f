"""`decide`: pure, leases renewed, cuts first, and a memory that survives storing and moving to another clock."""

from copy import deepcopy
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest

from evenload.contracts.events import Setpoint
from evenload.contracts.wire import encode
from services.allocator.engine import decide
from services.allocator.facts import Facts
from services.allocator.keeping import KeptMemory, recalled
from services.allocator.memory import Memory, first_memory, rebased
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import Home, evse, plug, site

LOADS = {"car": evse(), "sunny": evse("solar_only"), "heater": plug()}


def sent(home: Home) -> tuple[Setpoint, ...]:
    """Return what the newest decision sends."""
    assert home.outcome is not None
    return home.outcome.setpoints


def test_arguments_are_never_changed() -> None:
    home = Home(site(LOADS), sun_a=20.0).pass_s(30)
    facts, memory = home.facts(), home.memory
    before = deepcopy((memory, facts))
    decide(home.plan, memory, facts, home.now_s + 1.0, now=NOW)
    assert (memory, facts) == before


def test_the_same_input_gives_the_same_bytes() -> None:
    home = Home(site(LOADS), sun_a=20.0).pass_s(30)
    facts = home.facts()
    results = [decide(home.plan, home.memory, facts, home.now_s + 1.0, now=NOW) for _ in range(2)]
    assert msgspec.json.encode(results[0]) == msgspec.json.encode(results[1])


def test_leases_are_renewed_every_four_seconds() -> None:
    home = Home(site({"car": evse()})).pass_s(200)
    renewed = [second for second in range(12) if sent(home.pass_s(1))]
    assert [later - earlier for earlier, later in pairwise(renewed)] == [4, 4]


def test_a_lease_lasts_fifteen_seconds_and_a_renewal_says_so() -> None:
    home = Home(site({"car": evse()})).pass_s(200)
    while not sent(home):
        home.pass_s(1)
    assert [(each.valid_s, each.cause, each.setpoint_a) for each in sent(home)] == [(15.0, "renewal", 16.0)]


def test_cuts_are_sent_first() -> None:
    home = Home(site({"a": evse(phases=("L2",)), "z": evse(phases=("L1",))})).pass_s(30)
    home.now((20.0, 0.0, 0.0)).pass_s(1)
    assert [each.load for each in sent(home)] == ["z", "a"]


@pytest.mark.parametrize(("period_s", "wakes"), [(5.0, True), (1.0, False)], ids=["seldom read", "read each second"])
def test_it_wakes_for_the_next_step_of_a_ramp_unless_a_reading_will(period_s: float, wakes: bool) -> None:
    home = Home(site({"car": evse()}))
    home.reads["p1"] = {"period_s": period_s}
    home.pass_s(20)
    assert home.line("car").rule == "ramp"
    assert home.outcome is not None
    assert (home.outcome.wake_in_s <= 1.0) is wakes


def test_it_wakes_for_renewals_at_the_latest() -> None:
    home = Home(site({"car": evse()})).pass_s(300)
    assert home.outcome is not None
    assert 0 < home.outcome.wake_in_s <= 4.0


def test_nothing_heard_at_all_is_failsafe() -> None:
    home = Home(site({"car": evse()}))
    memory, outcome = decide(home.plan, first_memory(), Facts(), 1000.0, now=NOW)
    assert outcome.decision.health == "failsafe"
    assert all(each.setpoint_a == 0.0 for each in outcome.setpoints)
    assert memory.loads["car"].setpoint_ma == 0


def test_a_new_allocator_stops_no_car() -> None:
    home = Home(site({"car": evse()})).pass_s(200)
    home.memory = first_memory()
    assert home.pass_s(1).amps("car") == 16.0


def test_memory_survives_being_stored() -> None:
    home = Home(site(LOADS), sun_a=20.0).pass_s(40)
    assert msgspec.json.decode(encode(home.memory), type=Memory) == home.memory


def test_a_moved_memory_decides_the_same_on_a_moved_clock() -> None:
    one, two = (Home(site(LOADS), sun_a=20.0).pass_s(40) for _ in range(2))
    two.memory, two.now_s = rebased(two.memory, 5000.0), two.now_s + 5000.0
    assert one.pass_s(100).setpoints == two.pass_s(100).setpoints


def test_on_the_same_boot_a_kept_memory_is_taken_as_it_is() -> None:
    memory = Home(site({"car": evse()})).pass_s(5).memory
    kept = KeptMemory(machine_boot="a", saved_s=1005.0, saved_at=NOW, memory=memory)
    assert recalled(kept, "a", 1010.0, NOW).memory.loads == memory.loads


def test_after_a_boot_the_wall_clock_tells_how_old_a_kept_memory_is() -> None:
    memory = Home(site({"car": evse()})).pass_s(5).memory
    kept = KeptMemory(machine_boot="a", saved_s=1005.0, saved_at=NOW, memory=memory)
    moved = recalled(kept, "b", 50.0, NOW + timedelta(seconds=30)).memory
    assert moved.loads["car"].since_s == memory.loads["car"].since_s - 985.0
