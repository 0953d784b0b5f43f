"""The grid meter against the sum of what is measured below it: the higher counts, and is told (faults.md A11)."""

import pytest
from msgspec import json, structs

from evenload.contracts.phases import PerPhase
from evenload.site.schema import Circuit, Inverter, Site
from services.allocator.balance import Below, balanced, drawn_below
from services.allocator.belief import Grid, read_sides
from services.allocator.disagreement import AGREE_S, DISAGREE_S
from services.allocator.draws import Draw
from services.allocator.facts import Heard
from services.allocator.memory import Memory, rebased
from services.allocator.plan import compile_plan
from tests.unit.allocator.builders import Home, battery, evse, on_all, plug, site

ONE = site({"car": evse()})
TWO = site({"car": evse(), "guest": evse()})
GRACE_S = int(DISAGREE_S)
LOW = "grid_reads_low"


def home(where: Site = ONE, sun_a: float = 0.0, soc_pct: float | None = None) -> Home:
    """Return a settled home of 2 A on each phase."""
    return Home(where, house_a=(2.0, 2.0, 2.0), sun_a=sun_a, soc_pct=soc_pct).pass_s(200)


def reads(living: Home, current_a: PerPhase | None) -> Home:
    """Let the grid meter say this from now on; None = the truth."""
    living.reads = {} if current_a is None else {"p1": {"current_a": current_a}}
    return living


def believed_a(living: Home) -> PerPhase | None:
    """Return the grid current that the newest decision used."""
    assert living.outcome is not None
    return living.outcome.decision.grid_a


def test_a_meter_that_says_too_little_is_told_with_what_to_do_and_the_sum_counts() -> None:
    living = reads(home(), PerPhase(9.0, 18.0, 18.0))
    assert living.told(LOW, GRACE_S) == []
    assert believed_a(living) == PerPhase(9.0, 18.0, 18.0)
    (alert,) = living.told(LOW, 2)
    assert (alert.about, alert.active, alert.severity) == ("p1", True, "warning")
    assert "L1 9.0 A, where at least 16.0 A must flow" in alert.text
    assert all(word in alert.remedy for word in ("scale", "phases", "role: solar"))
    assert believed_a(living) == PerPhase(16.0, 18.0, 18.0)


def test_another_load_cannot_rise_into_what_the_meter_hides() -> None:
    """The meter stands at 5 A beside a car of 16 A: without the sum the guest would have 16 A, and the breaker 34 A."""
    living = Home(TWO, house_a=(2.0, 2.0, 2.0), idle=("guest",)).pass_s(200)
    reads(living, on_all(5.0)).told(LOW, 60)
    living.idle = frozenset()
    most_a = 0.0
    for _ in range(120):
        living.pass_s(1)
        most_a = max(most_a, sum(living.drawn_ma(name) for name in ("car", "guest")) / 1000)
    assert most_a <= 25.0


def test_what_has_passed_before_it_is_proven_is_not_told() -> None:
    living = home()
    for _ in range(3):
        assert reads(living, on_all(9.0)).told(LOW, GRACE_S - 2) == []
        assert reads(living, None).told(LOW, 3) == []


def test_a_car_that_stopped_and_has_not_said_so_is_no_faulty_meter() -> None:
    living = home()
    living.silent.add("car")
    living.draws_a["car"] = 0.0
    assert living.told(LOW, 25) == []
    living.silent.clear()
    assert living.told(LOW, 60) == []


def test_it_ends_ten_minutes_after_the_last_proof() -> None:
    living = home()
    reads(living, on_all(9.0)).told(LOW, 40)
    assert reads(living, None).told(LOW, int(AGREE_S) - 5) == []
    assert [alert.active for alert in living.told(LOW, 20)] == [False]


def test_once_proven_it_counts_at_once() -> None:
    living = home()
    reads(living, on_all(9.0)).told(LOW, 40)
    reads(living, None).told(LOW, 60)
    reads(living, on_all(9.0)).pass_s(1)
    assert believed_a(living) == on_all(16.0)


@pytest.mark.parametrize("sun_a", [0.0, 30.0])
@pytest.mark.parametrize("soc_pct", [None, 90.0])
def test_a_sound_meter_is_never_told_of(sun_a: float, soc_pct: float | None) -> None:
    where = site({"car": evse(), "heater": plug()}, battery=None if soc_pct is None else battery())
    living = home(where, sun_a=sun_a, soc_pct=soc_pct)
    assert living.told(LOW, 120) == []


def most_made_a(where: Site, **reads: dict[str, object]) -> PerPhase | None:
    """Return what sun and battery may put on each phase beside 9 A of sun, A; None = not known."""
    living = Home(where, sun_a=9.0, soc_pct=90.0)
    living.reads = reads
    made_ma = read_sides(living.plan, living.facts(), living.memory, living.now_s).made_ma
    return None if made_ma is None else PerPhase(*(value / 1000 for value in made_ma))


def test_what_a_producer_does_not_tell_by_phase_may_all_be_on_any() -> None:
    assert most_made_a(ONE) == on_all(9.0)
    assert most_made_a(ONE, pv={"power_w": PerPhase(2070.0, None, None)}) == PerPhase(9.0, 0.0, 0.0)
    bounded = site({"car": evse()}, inverter=Inverter(asymmetric=True, max_per_phase_w=920.0))
    assert most_made_a(bounded, pv={"power_w": PerPhase(2070.0, 0.0, 0.0)}) == on_all(4.0)


def test_without_a_measured_battery_nobody_knows_what_is_made() -> None:
    where = site({"car": evse()}, battery=battery())
    assert most_made_a(where) == on_all(9.0), "it charges"
    assert most_made_a(where, bat={"total_power_w": None}) is None
    assert most_made_a(where, bat={"total_power_w": 690.0}) == on_all(12.0)


def test_a_producer_without_a_meter_is_bounded_by_its_inverter_or_not_judged() -> None:
    def made(inverter: Inverter | None) -> object:
        living = Home(site({"car": evse()}, inverter=inverter))
        alone = structs.replace(living.site, meters={"p1": living.site.meters["p1"]})
        return read_sides(compile_plan(alone), living.facts(), living.memory, living.now_s).made_ma

    assert made(None) is None
    assert made(Inverter(max_w=690.0)) == (3000, 3000, 3000)
    assert made(Inverter(max_w=0.0)) == (0, 0, 0)


def test_what_a_metered_circuit_carries_beside_its_loads_is_part_of_the_sum() -> None:
    where = site({"car": evse(circuit="garage")}, circuits={"garage": Circuit(limit_a=32.0, meter="sub")})
    living = home(where)
    plan, memory, facts = living.plan, living.memory, living.facts()
    sub = structs.replace(facts.readings["p1"].event, role="circuit", current_a=on_all(19.0))
    facts = structs.replace(facts, readings={**facts.readings, "sub": Heard(sub, living.now_s)})
    drawn = Draw((16000, 16000, 16000), (17000, 17000, 17000))
    assert drawn_below(plan, memory, facts, (drawn,)).drawn_ma == (18000, 18000, 18000)


def test_a_slow_meter_must_have_read_anew() -> None:
    """Its reading of a minute ago knows nothing of what is drawn now."""
    plan, memory = compile_plan(ONE), Memory(short_s=100.0)
    sides = read_sides(plan, Home(ONE).facts(), memory, 1001.0)
    below = Below((16000, 16000, 16000), 140.0)
    for age_s, proven in ((11.0, False), (9.0, True)):
        grid = Grid(current_ma=(2000, 2000, 2000), health="normal", age_s=age_s, period_s=60.0)
        after, _ = balanced(plan, memory, grid, (sides, below, 140.0))
        assert (after.underread_s is not None) is proven


def test_what_is_known_of_the_sum_survives_a_restart() -> None:
    living = home()
    reads(living, on_all(9.0)).told(LOW, 40)
    moved = rebased(json.decode(json.encode(living.memory), type=Memory), 1000.0)
    assert (moved.short_s, moved.underread_s) == (None, (living.memory.underread_s or 0.0) + 1000.0)
