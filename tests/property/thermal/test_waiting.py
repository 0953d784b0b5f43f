"""The tank's own core with times of the day by which it must be ready: in time, and with the sun as far as it goes."""

import math
from datetime import UTC, datetime, timedelta
from random import Random

from evenload.site.heat import Tank
from evenload.thermal.model import Around, Model, temperature_after
from services.plug_control.config import PlugPlan
from services.plug_control.core import Input, Now
from services.plug_control.tank import TankMemory, step

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
LEARNING_DAYS, DAYS, TANKS = 7, 12, 5
STEP_S = 120.0
READY_MIN, MISSED_K = 390, 0.5


class Life:
    """A tank with noise, draws and sun at noon; what it drew from the grid and how warm it was when it mattered."""

    def __init__(self, seed: int, ready_by: tuple[str, ...]) -> None:
        chance = Random(seed)
        self.chance = chance
        litres = chance.uniform(120, 400)
        self.model = Model(capacity_wh_per_k=litres * 1.163, loss_w_per_k=chance.uniform(1.2, 3.0))
        self.device = Tank(
            power_w=2000,
            temperature="t",
            ready_by=ready_by,
            waits_k=25.0,
            solar_target_c=65,
            legionella="never",
            volume_l=litres,
        )
        self.plan = PlugPlan(
            site="home",
            load="tank",
            driver="shelly",
            options=None,
            device=self.device,
            levels_w=self.device.levels_w,
            lines=("L1",),
            voltage_v=230,
        )
        self.real_c, self.grid_wh, self.met, self.memory = 50.0, 0.0, 0, TankMemory()
        self.reasons: set[str] = set()

    def run(self) -> "Life":
        on = False
        for index in range(int((LEARNING_DAYS + DAYS) * 86_400 / STEP_S)):
            at = BEGIN + timedelta(seconds=index * STEP_S)
            minute = at.hour * 60 + at.minute
            shown_c = round(self.real_c + self.chance.uniform(-0.1, 0.1), 2)
            seen = Input(temperature_c=shown_c, power_w=2000.0 if on else 0.0, level=int(on))
            self.memory, steer = step(self.plan, self.memory, seen, Now(1_000.0 + index * STEP_S, at))
            sun_w = 3_000 * math.sin((minute - 600) / 300 * math.pi) if 600 <= minute <= 900 else 0.0
            on = steer.offer.max_a > 0 and (steer.offer.mode == "standard" or sun_w >= 2_000)
            counts = index * STEP_S >= LEARNING_DAYS * 86_400
            if counts:
                self.reasons.add(steer.offer.reason.partition(" until")[0])
                self.grid_wh += max(0.0, (2000.0 if on else 0.0) - sun_w) * STEP_S / 3600
                self.met += minute == READY_MIN and self.real_c >= self.device.target_c - MISSED_K
            around = Around(power_w=2000.0 if on else 0.0, ambient_c=18.0)
            self.real_c = temperature_after(self.model, self.real_c, around, STEP_S)
            if 400 <= minute < 480 and self.chance.random() < 0.06:
                self.real_c -= self.chance.uniform(0.02, 0.1) * (self.real_c - 12.0)
        return self


def test_deadlines_are_met_while_it_waits_for_the_sun() -> None:
    waiting = [Life(seed, ("06:30",)).run() for seed in range(TANKS)]
    plain = [Life(seed, ()).run() for seed in range(TANKS)]
    assert all(life.memory.known.fit is not None for life in waiting), "seven days are enough to learn"
    assert sum(life.met for life in waiting) >= 0.99 * TANKS * DAYS
    assert all("waits for the sun" in life.reasons for life in waiting)
    assert sum(life.grid_wh for life in waiting) < sum(life.grid_wh for life in plain)


def test_without_a_model_it_goes_by_its_hysteresis() -> None:
    life = Life(1, ("06:30",))
    seen = Input(temperature_c=49.0, power_w=0.0)
    _, steer = step(life.plan, TankMemory(), seen, Now(1_000.0, BEGIN))
    assert (steer.offer.mode, steer.offer.reason) == ("standard", "heats to its target")
