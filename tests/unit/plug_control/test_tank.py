"""A tank over weeks: its core, a first-order tank with water drawn, and who gives it what the sun carries."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from evenload.contracts.events import AskedMode, Mode
from evenload.site.heat import Tank
from services.plug_control.core import Input, Now, Steer, Wish
from services.plug_control.tank import TankMemory, step
from tests.unit.plug_control.builders import plan_of

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
STEP_S = 600.0


def sun_w(hour: float, peak_w: float) -> float:
    """Return the surplus of a day, W."""
    return max(0.0, peak_w * math.sin((hour - 7) / 10 * math.pi)) if 7 <= hour <= 17 else 0.0


class Life:
    """What a tank lived through."""

    def __init__(self, tank: Tank, temperature_c: float, peak_w: float, drawn_w: float) -> None:
        self.tank, self.temperature_c, self.peak_w, self.drawn_w = tank, temperature_c, peak_w, drawn_w
        self.memory: TankMemory | None = None
        self.grid_wh = 0.0
        self.hottest: dict[int, float] = {}
        self.coldest_c = temperature_c
        self.troubles: set[str] = set()
        self.longest_cool_s = self.cool_s = 0.0
        """Longest time, and now, since it was last at 60 °C."""

    def run(self, days: float, mode: AskedMode | None = None) -> "Life":
        plan, power_w = plan_of(self.tank), 0.0
        for index in range(int(days * 86_400 / STEP_S)):
            now = MONDAY + timedelta(seconds=index * STEP_S)
            seen = Input(wish=Wish(mode=mode), temperature_c=self.temperature_c, power_w=power_w)
            self.memory, steer = step(plan, self.memory, seen, Now(index * STEP_S, now))
            self.troubles |= {kind for kind, text in steer.troubles.items() if text}
            surplus_w = sun_w(now.hour + now.minute / 60, self.peak_w)
            power_w = self._given(steer, surplus_w)
            self.grid_wh += max(0.0, power_w - surplus_w) * STEP_S / 3600
            capacity = self.tank.volume_l * 1.163
            moved_w = power_w - 2.0 * (self.temperature_c - 20) - self.drawn_w * (self.temperature_c > 25)
            self.temperature_c += moved_w * STEP_S / 3600 / capacity
            week = index * STEP_S // (7 * 86_400)
            self.hottest[int(week)] = max(self.hottest.get(int(week), 0.0), self.temperature_c)
            self.cool_s = 0.0 if self.temperature_c >= 60 else self.cool_s + STEP_S
            self.longest_cool_s = max(self.longest_cool_s, self.cool_s)
            self.coldest_c = min(self.coldest_c, self.temperature_c)
        return self

    def _given(self, steer: Steer, surplus_w: float) -> float:
        if steer.offer.max_a == 0:
            return 0.0
        rating_w = self.tank.power_w
        return rating_w if steer.offer.mode == "standard" or surplus_w >= rating_w else 0.0


@pytest.mark.parametrize("mode", ["standard", "solar_only"])
@pytest.mark.parametrize(
    ("start_c", "peak_w", "drawn_w"), [(25, 0, 0), (52, 2100, 150), (75, 0, 400), (52, 5000, 150), (25, 5000, 400)]
)
def test_it_is_hot_once_a_week_and_never_too_hot(start_c: float, peak_w: float, drawn_w: float, mode: Mode) -> None:
    life = Life(Tank(power_w=2000, mode=mode), start_c, peak_w, drawn_w).run(14)
    assert all(hottest_c >= 60 for hottest_c in life.hottest.values()), life.hottest
    assert life.longest_cool_s <= 7.5 * 86_400 + STEP_S
    assert max(life.hottest.values()) < 80
    assert not life.troubles


def test_on_standard_it_is_warm_and_the_sun_spares_the_grid() -> None:
    dark = Life(Tank(power_w=2000), 52, 0, 150).run(7)
    bright = Life(Tank(power_w=2000), 52, 5000, 150).run(7)
    assert min(dark.coldest_c, bright.coldest_c) > 48
    assert bright.grid_wh < 0.4 * dark.grid_wh


def test_with_the_sun_the_weekly_run_takes_nothing_from_the_grid() -> None:
    assert Life(Tank(power_w=2000, mode="solar_only"), 52, 5000, 150).run(7).grid_wh == 0


def test_off_means_off() -> None:
    life = Life(Tank(power_w=2000), 52, 5000, 150).run(9, mode="off")
    assert life.temperature_c < 30
    assert life.troubles == {"legionella_missed"}
