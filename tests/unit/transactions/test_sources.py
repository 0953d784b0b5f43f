"""Where energy came from: the mix of each decision, weighted by what the load drew."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evenload.cli.transaction_table import COLUMNS, Row, as_csv, as_table
from evenload.contracts.events import Decision, LoadDecision
from evenload.contracts.phases import PerPhase
from evenload.contracts.wire import Codec, encode
from evenload.transactions.sources import Drawn, Mix, drawn, fractions, origin
from evenload.transactions.view import Transaction, listed, replayed
from tests.unit.transactions.test_view import T0, start, stop

_mixes = Codec(Mix, "mix")
SUN = {"solar_w": 4000.0, "import_w": 0.0}
GRID = {"solar_w": 0.0, "import_w": 4000.0}


def decided(at_s: int, draws_a: float, **more: Any) -> Mix:
    """Return what the history keeps of a decision, read back."""
    load = LoadDecision(
        load="car", mode="standard", measured_a=PerPhase(draws_a), setpoint_a=16, target_a=16, could_get_a=16
    )
    at = T0 + timedelta(seconds=at_s)
    told = Decision(site="home", decided_at=at, breaker_a=25.0, loads=(load,), **more)
    found: Mix = _mixes.decode(encode(told))
    return found


def charged(until_s: int) -> list[Transaction]:
    return listed(replayed([start("7", 0), stop("7", until_s)]))


def later(seconds: int) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (SUN, (1.0, 0.0, 0.0)),
        ({"solar_w": 2000.0, "import_w": 1000.0, "battery_w": 1000.0}, (0.5, 0.25, 0.25)),
        ({"solar_w": 2000.0, "import_w": 2000.0, "battery_w": -3000.0}, (0.5, 0.0, 0.5)),
        ({"solar_w": 2000.0, "import_w": None}, None),
        ({"import_w": 0.0}, None),
    ],
)
def test_the_mix_is_what_the_site_used(told: dict[str, Any], wanted: tuple[float, float, float] | None) -> None:
    assert fractions(decided(0, 1.0, **told)) == wanted


def test_an_island_has_no_grid() -> None:
    assert fractions(Mix(site="hut", decided_at=T0, solar_w=100.0, battery_w=100.0)) == (0.5, 0.5, 0.0)


def test_shares_are_weighted_by_what_was_drawn_and_how_long() -> None:
    mixes = [decided(0, 12.0, **SUN), decided(60, 6.0, **GRID), decided(120, 0.0, **GRID)]
    (parts,) = drawn(charged(120), mixes, later(200)).values()
    assert (parts.sun_as, parts.grid_as, parts.known_s) == (720.0, 360.0, 120.0)
    found = origin(charged(120)[0], parts, later(200))
    assert found is not None
    assert found.sun_wh == pytest.approx(2000 * 2 / 3)
    assert found.unknown_wh == 0.0


def test_time_without_decisions_is_of_unknown_origin() -> None:
    mixes = [decided(0, 10.0, **SUN), decided(50, 10.0, **SUN), decided(500, 10.0, **SUN)]
    (parts,) = drawn(charged(200), mixes, later(900)).values()
    found = origin(charged(200)[0], parts, later(900))
    assert found is not None
    assert found.sun_wh == pytest.approx(500.0)
    assert found.unknown_wh == pytest.approx(1500.0)


def test_what_comes_before_between_and_after_does_not_count() -> None:
    pair = listed(replayed([start("7", 60), stop("7", 120), start("8", 180, 3000.0), stop("8", 240, 4000.0)]))
    mixes = [decided(at_s, 10.0, **SUN) for at_s in range(0, 301, 60)]
    found = drawn(pair, mixes, later(301))
    assert {place: parts.known_s for place, parts in found.items()} == {0: 60.0, 1: 60.0}


def test_without_any_decision_all_is_unknown_and_without_registers_nothing_is_said() -> None:
    assert drawn(charged(60), [], later(60)) == {}
    unknown = origin(charged(60)[0], None, later(60))
    assert unknown is not None
    assert unknown.unknown_wh == 2000.0
    nothing = listed(replayed([stop("9", 60)]))[0]
    assert origin(nothing, Drawn(), later(60)) is None


def test_the_table_and_the_values_say_it() -> None:
    each = charged(3600)[0]
    found = origin(each, Drawn(sun_as=3.0, grid_as=1.0, known_s=3600.0), later(3600))
    text = as_csv([Row(each, found, "=Anna")])
    head, line = text.splitlines()
    cells = dict(zip(head.split(","), line.split(","), strict=True))
    assert tuple(cells) == COLUMNS
    assert (cells["energy_kwh"], cells["sun_kwh"], cells["grid_kwh"]) == ("2.000", "1.500", "0.500")
    assert (cells["tag"], cells["started_at"], cells["late"]) == ("'=Anna", "2026-06-01T12:00:00Z", "no")
    shown = as_table(
        [Row(each, found, "Anna"), Row(listed(replayed([stop("9", 60)]))[0], None, "")],
        {each.site: ZoneInfo("Asia/Tokyo")},
    )
    assert shown.row_count == 3
    assert next(iter(shown.columns[0].cells)) == "2026-06-01 21:00"
