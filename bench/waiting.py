"""How well devices wait for the sun: the real cores of tank, room and heat pump on synthetic bodies with noise.

Each body lives for 7 days in which its model is learned, then for DAYS days with a target each morning and evening. The
sun shines from 10 to 15 o'clock, on some days not at all. Figures: models within 10 % after 7 days; targets that were
met, but for the comfort band; energy from the grid beside a twin that does not wait.
Run: python -m bench.waiting [--bodies N] [--days N]
"""

import argparse
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from msgspec import Struct

from evenload.contracts.events import Offer
from evenload.site.devices import Device
from evenload.site.heat import Climate, HeatPump, Tank
from evenload.thermal.learning import Fit
from evenload.thermal.model import Around, Model, temperature_after
from services.plug_control.climate import AROUND_C
from services.plug_control.config import PlugPlan
from services.plug_control.core import Input, Now
from services.plug_control.kinds import KINDS
from services.plug_control.remembering import fit_of
from services.plug_control.tank import AMBIENT_C

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
LEARNING_DAYS, STEP_S, DAY_S = 7, 120.0, 86_400.0
SUN_FROM_H, SUN_UNTIL_H, SUN_W, CLOUDY = 10.0, 15.0, 4_500.0, 0.25
READY_BY = ("06:30", "18:00")
READY_MIN = (390, 1080)
OWN_BAND_K = 1.0


class Body(Struct, frozen=True, kw_only=True):
    """A synthetic body and its device."""

    device: Device
    model: Model
    target_c: float
    missed_k: float
    noise_c: float
    around_c: float
    swing_c: float = 0.0
    """The temperature around goes up and down by so much within a day."""
    draws: bool = False
    """Hot water is drawn."""


def tank(chance: Random, ready_by: tuple[str, ...]) -> Body:
    """Return a hot water tank that waits until it is 25 K below its target."""
    litres = chance.uniform(120, 400)
    return Body(
        device=Tank(
            power_w=2000,
            temperature="t",
            ready_by=ready_by,
            waits_k=25.0,
            solar_target_c=65,
            legionella="never",
            volume_l=litres,
        ),
        model=Model(capacity_wh_per_k=litres * 1.163, loss_w_per_k=chance.uniform(1.2, 3.0)),
        target_c=55.0,
        missed_k=0.5,
        noise_c=0.1,
        around_c=18.0,
        draws=True,
    )


def room(chance: Random, ready_by: tuple[str, ...]) -> Body:
    """Return a heated zone: a time constant of 20 to 80 hours, people in it, weather that goes up and down."""
    loss = chance.uniform(40, 120)
    model = Model(
        capacity_wh_per_k=loss * chance.uniform(20, 80), loss_w_per_k=loss, gain_w=chance.uniform(0, 2) * loss
    )
    power_w = round(loss * chance.uniform(30, 45))
    return Body(
        device=Climate(power_w=power_w, temperature="t", ready_by=ready_by, waits_k=2.0, sun_shift_k=2.0),
        model=model,
        target_c=21.0,
        missed_k=0.6,
        noise_c=0.05,
        around_c=chance.uniform(2, 8),
        swing_c=chance.uniform(0, 2),
    )


def heat_pump(chance: Random, ready_by: tuple[str, ...]) -> Body:
    """Return the buffer of a heat pump, whose own control keeps it within a kelvin above the target."""
    loss = chance.uniform(20, 50)
    device = HeatPump(
        power_w=2000, boost_w=1000, temperature="t", target_c=35.0, ready_by=ready_by, waits_k=8.0, max_c=50.0
    )
    model = Model(capacity_wh_per_k=loss * chance.uniform(8, 20), loss_w_per_k=loss)
    return Body(device=device, model=model, target_c=35.0, missed_k=0.3, noise_c=0.1, around_c=chance.uniform(4, 12))


BODIES: dict[str, Callable[[Random, tuple[str, ...]], Body]] = {"tanks": tank, "rooms": room, "heat pumps": heat_pump}


class Life:
    """A body under its device's core; what it took from the grid, and how often it was ready when it had to be."""

    def __init__(self, kind: str, seed: int, *, waits: bool) -> None:
        self._chance = Random(seed)
        self.body = BODIES[kind](self._chance, READY_BY if waits else ())
        device = self.body.device
        self.plan = PlugPlan(
            site="home",
            load="body",
            driver="none",
            options=None,
            device=device,
            levels_w=device.levels_w,
            lines=("L1",),
            voltage_v=230,
        )
        self._step = KINDS[type(device)].step
        self.memory: Any = None
        self.real_c = self.body.target_c - 1.0
        self.learned: Fit | None = None
        self.reasons: set[str] = set()
        self.grid_wh, self.met, self.asked = 0.0, 0, 0
        self._power_w, self._level, self._runs, self._cloudy = 0.0, 0, False, False
        self._permitted_a: float | None = None

    @property
    def fit(self) -> Fit | None:
        """The newest model of its core."""
        return fit_of(self.memory)

    def run(self, days: int) -> "Life":
        """Live; what is counted begins when the model had its week."""
        for index in range(int((LEARNING_DAYS + days) * DAY_S / STEP_S)):
            at = BEGIN + timedelta(seconds=index * STEP_S)
            if index * STEP_S == LEARNING_DAYS * DAY_S:
                self.learned = self.fit
            self._pass(at, index * STEP_S, counts=index * STEP_S >= LEARNING_DAYS * DAY_S)
        return self

    def _pass(self, at: datetime, now_s: float, *, counts: bool) -> None:
        body, minute = self.body, at.hour * 60 + at.minute
        if minute == 0:
            self._cloudy = self._chance.random() < CLOUDY
        shown_c = round(self.real_c + self._chance.uniform(-body.noise_c, body.noise_c), 2)
        seen = Input(
            temperature_c=shown_c,
            power_w=self._power_w,
            measured=True,
            level=self._level,
            permitted_a=self._permitted_a,
        )
        self.memory, steer = self._step(self.plan, self.memory, seen, Now(1_000.0 + now_s, at))
        sun_w = 0.0 if self._cloudy else _sun_w(at)
        self._permitted_a = self._given_a(steer.offer, sun_w)
        self._level = steer.level if steer.level is not None else self.plan.level_within(self._permitted_a)
        self._power_w = self._drawn_w()
        if counts:
            self.reasons.add(steer.offer.reason.partition(" until")[0])
            self.grid_wh += max(0.0, self._power_w - sun_w) * STEP_S / 3600
            if minute in READY_MIN:
                self.asked += 1
                self.met += self.real_c >= body.target_c - body.missed_k
        around_c = body.around_c - body.swing_c * math.cos((minute / 1440 - 4 / 24) * 2 * math.pi)
        around = Around(power_w=self._power_w, ambient_c=around_c)
        self.real_c = temperature_after(body.model, self.real_c, around, STEP_S)
        if body.draws and 400 <= minute < 480 and self._chance.random() < 0.06:
            self.real_c -= self._chance.uniform(0.02, 0.1) * (self.real_c - 12.0)

    def _given_a(self, offer: Offer, sun_w: float) -> float:
        """Return what it is given with nothing else there: its minimum from any source, more with the sun."""
        least_w = offer.min_a * self.plan.voltage_v
        given_w = max(sun_w, least_w) if offer.mode in ("standard", "solar_priority") else sun_w
        return min(given_w / self.plan.voltage_v, offer.max_a) if given_w >= least_w - 1.0 else 0.0

    def _drawn_w(self) -> float:
        """Return what it draws at its level; a heat pump's own control goes by its temperature."""
        if not isinstance(self.body.device, HeatPump):
            return self.plan.levels_w[self._level]
        raised_k = 6.0 if self._level > 1 else 0.0
        goal_c = self.body.target_c + OWN_BAND_K + raised_k
        self._runs = self._level > 0 and self.real_c < goal_c + (0.0 if self._runs else -OWN_BAND_K)
        return self.plan.levels_w[self._level] if self._runs else 0.0


def _sun_w(at: datetime) -> float:
    part = (at.hour + at.minute / 60 - SUN_FROM_H) / (SUN_UNTIL_H - SUN_FROM_H)
    return SUN_W * math.sin(part * math.pi) if 0.0 <= part <= 1.0 else 0.0


def within(life: Life, ratio: float = 0.1) -> bool:
    """Tell whether capacity, and power that holds the target, were learned in the first week as near to the truth.

    No core knows the temperature around, so loss and gain count together, as what they come to at the target.
    """
    if life.learned is None:
        return False
    found, real = life.learned.model, life.body.model
    assumed_c = AMBIENT_C if life.body.draws else AROUND_C
    held = _holding_w(found, life.body.target_c - assumed_c)
    truth = _holding_w(real, life.body.target_c - life.body.around_c)
    capacity = abs(found.capacity_wh_per_k / real.capacity_wh_per_k - 1)
    return max(capacity, abs(held / truth - 1)) <= ratio


def _holding_w(model: Model, above_k: float) -> float:
    return model.loss_w_per_k * above_k - model.gain_w


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=20)
    parser.add_argument("--days", type=int, default=30)
    asked = parser.parse_args()
    for kind in BODIES:
        waiting = [Life(kind, seed, waits=True).run(asked.days) for seed in range(asked.bodies)]
        plain = [Life(kind, seed, waits=False).run(asked.days) for seed in range(asked.bodies)]
        learned = [life for life in waiting if life.learned is not None]
        met, of = sum(life.met for life in waiting), sum(life.asked for life in waiting)
        grid = sum(life.grid_wh for life in waiting) / max(1.0, sum(life.grid_wh for life in plain))
        near = sum(within(life) for life in waiting)
        plainly = sum(life.met for life in plain)
        print(f"{kind}: {len(learned)} of {asked.bodies} learned in 7 days, {near} within 10 %")
        print(
            f"  ready {met} of {of} ({met / max(1, of):.2%}; without waiting {plainly}); {grid:.0%} of the grid energy"
        )


if __name__ == "__main__":
    main()
