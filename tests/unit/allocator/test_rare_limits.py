"""Limits beside the breaker: metered circuits, the import limit, several from outside, and what relays really draw."""

from msgspec import structs

from evenload.contracts.events import MeterReading
from evenload.contracts.phases import PerPhase
from evenload.site.schema import Circuit, Grid, Meter
from services.allocator.facts import Facts, Heard
from tests.property.allocator.ideal import NOW
from tests.unit.allocator.builders import Home, evse, plug, site


class Metered(Home):
    """A home whose circuit `barn` is metered: it carries its car and `foreign_a` besides; None = no word from it."""

    foreign_a: float | None = None

    def facts(self) -> Facts:
        """Return what is heard, the circuit's meter included."""
        heard = super().facts()
        if self.foreign_a is None:
            return heard
        current = PerPhase(self.foreign_a + self.drawn_ma("car") / 1000, 0.0, 0.0)
        reading = MeterReading(site="home", meter="sub", role="circuit", measured_at=NOW, current_a=current)
        return structs.replace(heard, readings={**heard.readings, "sub": Heard(reading, self.now_s)})


def metered() -> Metered:
    """Return a car on L1 below a metered circuit of 20 A."""
    where = site(
        {"car": evse(phases=("L1",), circuit="barn")},
        grid=Grid(breaker_a=63.0, margin_a=0.0),
        circuits={"barn": Circuit(limit_a=20.0, meter="sub")},
        meters={"sub": Meter(role="circuit", driver="homewizard")},
    )
    return Metered(where)


def test_what_else_a_metered_circuit_carries_is_taken_off_its_limit() -> None:
    home = metered()
    home.foreign_a = 8.0
    assert home.pass_s(150).amps("car") == 12.0
    home.foreign_a = 13.5
    assert home.pass_s(1).amps("car") == 6.5


def test_a_metered_circuit_that_is_not_heard_has_no_room_to_rise() -> None:
    home = metered()
    assert home.pass_s(30).amps("car") == 0.0
    home.foreign_a = 2.0
    home.pass_s(60)
    held_a = home.amps("car")
    assert held_a >= 6.0
    home.foreign_a = None
    assert home.pass_s(60).amps("car") == held_a, "and none to fall: its own draw is known"


def test_an_import_that_passes_its_limit_is_cut_and_held() -> None:
    """11,500 W of three phases are 50 A: 16 A of the car, and 2 A of house."""
    home = Home(site({"car": evse()}, grid=Grid(breaker_a=63.0, max_import_w=11_500.0))).pass_s(200)
    assert home.amps("car") == 16.0
    home.now((14.0, 0.0, 0.0)).pass_s(1)
    assert home.amps("car") == 12.0
    assert "import" in home.memory.limits
    assert home.now().pass_s(10).line("car").rule == "hold"


def test_of_two_limits_from_outside_the_strictest_holds() -> None:
    home = Home(site({"car": evse()}))
    home.limit("operator", scope="import", limit_w=20_700.0)
    home.limit("tariff", scope="import", limit_w=6900.0)
    home.limit("weekend", scope="managed", limit_w=6210.0)
    home.limit("zone", scope="managed", limit_w=13_800.0)
    home.pass_s(100)
    assert home.amps("car") == 9.0
    bound = home.line("car").bound
    assert bound is not None
    assert (bound.kind, bound.name) == ("outside", "weekend")


def test_a_relay_that_passes_more_than_its_rating_is_reported() -> None:
    home = Home(site({"heater": plug(power_w=2000.0)})).pass_s(60)
    home.draws_a["heater"] = 12.0
    home.pass_s(60)
    assert ("plug_rating", "heater") in home.memory.alerts


def test_ten_minutes_without_a_cut_make_a_hold_as_short_as_at_first() -> None:
    home = Home(site({"car": evse()})).pass_s(100).now((20.0, 0.0, 0.0)).pass_s(1).now().pass_s(30)
    home.now((20.0, 0.0, 0.0)).pass_s(1)
    assert home.memory.loads["car"].hold_factor > 1
    assert home.now().pass_s(620).memory.loads["car"].hold_factor == 1
