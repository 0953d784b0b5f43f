"""An offer narrows what the site file allows, and never widens it."""

from datetime import UTC, datetime
from pathlib import Path

from evenload.contracts.events import LoadState, Mode, Offer
from evenload.site.device_drivers import DEVICE_DRIVERS
from evenload.site.schema import Tank
from services import allocator
from services.allocator.facts import Heard
from services.allocator.offers import with_offers
from services.allocator.plan import PlannedLoad, compile_plan
from tests.unit.allocator.builders import evse, site

AT = datetime(2026, 1, 1, tzinfo=UTC)


def offered(offer: Offer | None, mode: Mode = "standard") -> PlannedLoad:
    """Return the tank of 2,000 W (8.7 A) as planned with its offer."""
    tank = Tank(power_w=2000, phases=("L1",), mode=mode)
    plan = compile_plan(site({"car": evse(), "tank": tank}))
    state = LoadState(site="home", load="tank", measured_at=AT, status="charging", offer=offer)
    return with_offers(plan, {"tank": Heard(state, 0.0)}).loads[1]


def test_without_offers_the_plan_is_the_same_object() -> None:
    plan = compile_plan(site({"car": evse()}))
    assert with_offers(plan, {}) is plan


def test_an_offer_sets_mode_urgency_and_dwell_times() -> None:
    load = offered(Offer(mode="solar_only", min_a=8.7, max_a=8.7, all_or_nothing=True, min_on_s=60, min_off_s=90))
    assert (load.mode, load.urgency, load.min_ma, load.max_ma) == ("solar_only", 2, 8700, 8700)
    assert (load.min_on_s, load.min_off_s) == (60, 90)


def test_an_offer_never_widens_the_rating() -> None:
    load = offered(Offer(mode="standard", min_a=1.0, max_a=32.0))
    assert (load.min_ma, load.max_ma, load.rating_ma) == (8700, 8700, 8700)


def test_who_offers_nothing_gets_nothing() -> None:
    assert offered(Offer(mode="off", min_a=0.0, max_a=0.0, reason="full")).max_ma == 0


def test_what_is_off_stays_off_whatever_it_offers() -> None:
    assert offered(Offer(mode="standard", min_a=8.7, max_a=8.7), mode="off").mode == "off"


def test_the_allocator_names_no_kind_of_device() -> None:
    folder = Path(allocator.__file__).parent
    kinds = [kind.__name__ for kind in DEVICE_DRIVERS]
    named = [(path.name, kind) for path in folder.rglob("*.py") for kind in kinds if f" {kind}" in path.read_text()]
    assert not named, "what a kind wants, its core in plug_control says in offers"
