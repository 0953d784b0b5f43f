"""A heat pump that must be ready by a time: it waits for the sun by its model, without one by its dwell rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from evenload.contracts.events import MeterReading, Mode
from evenload.site.heat import HeatPump
from evenload.thermal.learning import Fit
from evenload.thermal.model import Model
from services.plug_control.config import PlugPlan
from services.plug_control.core import Input, Now, Steer, Wish
from services.plug_control.heat_pump import BLOCKED, NORMAL, HeatPumpMemory, step
from services.plug_control.modelled import Modelled
from services.plug_control.raw import RawObservation
from services.plug_control.state import Felt, Looked
from services.plug_control.switching import begin
from services.plug_control.switching import step as plug_step
from tests.unit.plug_control.builders import plan_of

MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
PUMP = HeatPump(power_w=2000, temperature="buffer", meter="em", target_c=35.0, ready_by=("06:30",), waits_k=5.0)
# Left off until 04:06 it has 28.7 °C, and 2 kW less some 600 W of loss take 2.4 h to 35.5 °C; that, 15 % and 30 min.
FIT = Fit(
    model=Model(capacity_wh_per_k=500.0, loss_w_per_k=25.0),
    rows=100,
    left_out=0,
    residual_c=0.1,
    capacity_error_ratio=0.02,
    loss_error_ratio=0.02,
)
KNOWN = HeatPumpMemory(known=Modelled(fit=FIT))


def pump_plan(pump: HeatPump) -> PlugPlan:
    return plan_of(pump, load="pump", driver="sg_ready", failsafe_level=NORMAL, runs_by_itself=True)


def at(hour: float, temperature_c: float | None, memory: HeatPumpMemory = KNOWN, **seen: Any) -> Steer:
    now = Now(100_000.0 + hour * 3600, MIDNIGHT + timedelta(hours=hour))
    return step(pump_plan(PUMP), memory, Input(temperature_c=temperature_c, **seen), now)[1]


def test_it_waits_for_the_sun_until_the_last_moment() -> None:
    early, late = at(0.0, 33.0), at(6.0, 33.0)
    assert (early.offer.mode, early.offer.reason) == ("solar_only", "waits for the sun until 03:15")
    assert (late.offer.mode, late.offer.reason) == ("standard", "its own control, to be ready by 06:30")
    assert late.offer.max_a == pytest.approx(8.7), "no more than its own control takes: the sun alone raises it"


def test_what_began_goes_on_to_the_target() -> None:
    begun = replace(KNOWN, due=MIDNIGHT + timedelta(hours=6.5))
    assert at(5.0, 34.9, begun).offer.mode == "standard"
    assert at(5.0, 35.1, begun).offer.mode == "solar_only"


def test_it_does_not_wait_when_it_has_cooled_too_far() -> None:
    assert at(0.0, 29.9).offer.reason == "its own control, more with the sun"


@pytest.mark.parametrize(
    ("memory", "temperature_c"), [(HeatPumpMemory(), 33.0), (KNOWN, None)], ids=["no model", "no temperature"]
)
def test_without_a_model_or_a_temperature_it_goes_by_its_dwell_rules(
    memory: HeatPumpMemory, temperature_c: float | None
) -> None:
    for hour in (0.0, 6.0):
        offer = at(hour, temperature_c, memory).offer
        assert (offer.mode, offer.reason) == ("solar_priority", "its own control, more with the sun")


def test_waiting_never_blocks_beyond_what_is_allowed() -> None:
    blocked = replace(KNOWN, level=BLOCKED, since_s=100_000.0 - 7200)
    steer = at(0.0, 33.0, blocked, permitted_a=0.0)
    assert (steer.level, steer.offer.mode, steer.offer.reason) == (NORMAL, "standard", "not blocked again yet")


@pytest.mark.parametrize(("mode", "offered"), [("standard", "standard"), ("excess", "excess"), ("off", "off")])
def test_a_mode_by_hand_holds_while_it_waits(mode: Mode, offered: Mode) -> None:
    assert at(0.0, 33.0, wish=Wish(mode=mode)).offer.mode == offered


def test_an_earlier_plan_comes_first() -> None:
    wish = Wish(due_c=34.0, due_at=MIDNIGHT + timedelta(hours=1))
    assert at(0.0, 33.0, wish=wish).offer.reason == "its own control, to be ready by 01:00"


def test_only_what_is_measured_is_learned() -> None:
    now = Now(100_000.0, MIDNIGHT)
    for measured in (False, True):
        seen = Input(temperature_c=33.0, power_w=2000.0, measured=measured)
        memory, _ = step(pump_plan(PUMP), HeatPumpMemory(), seen, now)
        assert (memory.known.looked_s is not None) == measured


def test_its_meter_says_what_its_contacts_do_not() -> None:
    plan, state = pump_plan(PUMP), begin(Now(0.0, MIDNIGHT))
    reading = MeterReading(site="home", meter="em", role="load", measured_at=MIDNIGHT, total_power_w=1234.0)
    state, _ = plug_step(plan, state, Felt(reading), Now(1.0, MIDNIGHT))
    for at_s, shown_w in ((2.0, 1234.0), (60.0, None)):
        state, _ = plug_step(plan, state, Looked(RawObservation(relay=NORMAL)), Now(at_s, MIDNIGHT))
        assert state.look is not None
        assert state.look.power_w == shown_w, "believed for a few s only"
