"""The standing invariants notice what they are there for."""

from datetime import UTC, datetime

from evenload.contracts.events import Setpoint
from evenload.simulation.invariants import Moment, first_watch, judge_setpoint, observe
from evenload.site.schema import Circuit, Evse, Grid, Plug, Site

SITE = Site(
    site="home",
    phases=("L1",),
    grid=Grid(breaker_a=20),
    circuits={"garage": Circuit(limit_a=20), "left": Circuit(limit_a=16, within="garage")},
    loads={"car": Evse(circuit="left"), "other": Evse(circuit="garage"), "heater": Plug(power_w=2000)},
)


def moment(net_a: float, managed_a: float, car_a: float = 0.0, other_a: float = 0.0) -> Moment:
    loads = {"car": (car_a, 0.0), "other": (0.0, other_a), "heater": (0.0, 0.0)}
    return Moment(net_a=(net_a,), managed_a=(managed_a,), loads=loads)


def told(*steps: tuple[float, Moment]) -> list[str]:
    watch = first_watch(SITE)
    for at_s, what in steps:
        watch = observe(watch, SITE, what, at_s)
    return [text.partition(" ")[2] for text in watch.found]


def test_a_short_overload_is_allowed_and_a_long_one_told() -> None:
    over, fine = moment(24.0, 10.0), moment(10.0, 10.0)
    assert not told((0, over), (6.5, fine), (60, fine))
    assert told((0, over), (7.5, over)) == ["breaker L1: above 1.13 of its rating for more than 7 s"]


def test_the_thermal_integral_adds_up() -> None:
    slow = moment(22.5, 10.0)
    assert not told((0, slow), (300, slow))
    assert not told((0, slow), (3600, slow))
    hot = [(float(at), moment(24.0 if at % 10 < 6 else 22.5, 1.0)) for at in range(0, 3600, 2)]
    assert "breaker L1: thermal integral over 1.277" in told(*hot)


def test_the_house_alone_is_not_our_violation() -> None:
    assert not told((0, moment(40.0, 0.0)), (60, moment(40.0, 0.0)))


def test_circuits_count_offers_and_draws_of_all_below() -> None:
    assert told((0, moment(0, 0, car_a=16.5))) == ["circuit left L1: loads may draw more than 16 A"]
    assert told((0, moment(0, 0, car_a=12, other_a=9))) == ["circuit garage L1: loads may draw more than 20 A"]
    assert not told((0, moment(0, 0, car_a=12, other_a=8)))


def test_setpoints_are_in_range() -> None:
    def judged(load: str, value_a: float) -> int:
        event = Setpoint(site="home", load=load, setpoint_a=value_a, issued_at=datetime.now(UTC))
        return len(judge_setpoint(first_watch(SITE), SITE, event, 0.0).found)

    assert [judged("car", value) for value in (0.0, 6.0, 16.0)] == [0, 0, 0]
    assert [judged("car", value) for value in (5.9, 16.1)] == [1, 1]
    assert [judged("heater", value) for value in (0.0, 8.7, 8.6)] == [0, 0, 1]
