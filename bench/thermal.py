"""How well bodies are learned and deadlines are met: synthetic tanks and rooms with noise, draws and weather.

Each body lives for 7 days on a plain thermostat while the model learns. Then it lives for DAYS days with a deadline
each morning: it coasts as long as the model says that it can, and heats in time. Beside each lives a twin that is kept
hot all day and from which the same water is drawn. Figures: parameters within 10 % after 7 days; deadlines met (0.2 K),
of all and of those that the twin met (a bath just before half past six is nobody's fault); energy against the twin's.
Run: python -m bench.thermal [--bodies N] [--days N]
"""

import argparse
import math
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from evenload.thermal.learning import Fit, Learning, Sample, fitted, seen
from evenload.thermal.model import Around, Model, heating_s, temperature_after

STEP_S = 60.0
DAY_S = 86_400.0
DEADLINE_S = 6.5 * 3600
MISSED_C = 0.2
SPARE_S, SPARE_RATIO = 1800.0, 1.15
"""Heating begins so much earlier than the model says: for the noise of the thermometer and a late hand-wash."""


class Body(Struct, frozen=True, kw_only=True):
    """A synthetic tank or room."""

    model: Model
    power_w: float
    noise_c: float
    target_c: float
    band_c: float
    ambient_c: float
    swing_c: float
    draws: bool


def tank(chance: Random) -> Body:
    """Return a hot water tank of 80 to 500 l with its element, from well to badly insulated."""
    litres = chance.uniform(80, 500)
    return Body(
        model=Model(capacity_wh_per_k=litres * 1.163, loss_w_per_k=chance.uniform(1.2, 3.5)),
        power_w=chance.choice([1500.0, 2000.0, 3000.0]),
        noise_c=chance.uniform(0.02, 0.15),
        target_c=55.0,
        band_c=5.0,
        ambient_c=chance.uniform(12, 22),
        swing_c=1.0,
        draws=True,
    )


def room(chance: Random) -> Body:
    """Return a heated zone: electric kilowatts, a time constant of 20 to 80 hours, people and machines in it."""
    loss = chance.uniform(40, 200)
    return Body(
        model=Model(
            capacity_wh_per_k=loss * chance.uniform(20, 80), loss_w_per_k=loss, gain_w=chance.uniform(0, 3) * loss
        ),
        power_w=loss * chance.uniform(35, 50),
        noise_c=chance.uniform(0.02, 0.08),
        target_c=21.0,
        band_c=0.6,
        ambient_c=chance.uniform(-2, 8),
        swing_c=chance.uniform(2, 6),
        draws=False,
    )


class Life:
    """A body that lives in steps of a minute; what is seen of it is noisy."""

    def __init__(self, body: Body, chance: Random) -> None:
        self.body, self.chance = body, chance
        self.at_s = 0.0
        self.real_c = body.target_c - 1.0
        self.learning = Learning()
        self.energy_wh = 0.0
        self.on = False
        self.twin_c, self.twin_wh, self.twin_on = self.real_c, 0.0, False

    def ambient_c(self) -> float:
        """Return the temperature around: a daily swing, coldest at 4 o'clock."""
        return self.body.ambient_c - self.body.swing_c * math.cos((self.at_s / DAY_S - 4 / 24) * 2 * math.pi)

    def shown_c(self) -> float:
        """Return what the thermometer shows: noise, in steps of 0.1 K."""
        return round((self.real_c + self.chance.gauss(0, self.body.noise_c)) * 10) / 10

    def step(self) -> None:
        """Go on by a minute, and look."""
        body, power_w = self.body, self.body.power_w if self.on else 0.0
        self.real_c = temperature_after(
            body.model, self.real_c, Around(power_w=power_w, ambient_c=self.ambient_c()), STEP_S
        )
        self.energy_wh += power_w * STEP_S / 3600
        self.twin()
        self.at_s += STEP_S
        hour = self.at_s / 3600 % 24
        if body.draws and self.chance.random() < _draw_chance(hour):
            share = self.chance.uniform(0.01, 0.12)
            self.real_c -= share * (self.real_c - 12.0)
            self.twin_c -= share * (self.twin_c - 12.0)
        self.learning = seen(self.learning, self.look(power_w))

    def twin(self) -> None:
        """Let the twin go on: kept between the target and 1 K more."""
        self.twin_on = self.twin_c < self.body.target_c + (1.0 if self.twin_on else 0.0)
        power_w = self.body.power_w if self.twin_on else 0.0
        self.twin_c = temperature_after(
            self.body.model, self.twin_c, Around(power_w=power_w, ambient_c=self.ambient_c()), STEP_S
        )
        self.twin_wh += power_w * STEP_S / 3600

    def look(self, power_w: float) -> Sample:
        """Return what is seen now."""
        return Sample(
            at_s=self.at_s, temperature_c=self.shown_c(), power_w=power_w, ambient_c=round(self.ambient_c(), 1)
        )

    def thermostat(self, target_c: float) -> None:
        """Switch by hysteresis."""
        shown_c = self.shown_c()
        self.on = shown_c < target_c if self.on else shown_c < target_c - self.body.band_c


def _draw_chance(hour: float) -> float:
    """Return the chance that hot water is drawn within this minute: mornings, noon and evenings, seldom at night."""
    if 6.6 <= hour < 8.5:
        return 0.03
    if 12 <= hour < 13 or 18 <= hour < 22:
        return 0.012
    return 0.0003


def learned(body: Body, chance: Random, days: int = 7) -> tuple[Life, Fit | None]:
    """Return the body after some days on a thermostat whose set-back at night moves it, and what was learned."""
    life = Life(body, chance)
    while life.at_s < days * DAY_S:
        night = life.at_s % DAY_S < 5 * 3600
        life.thermostat(body.target_c - (2.0 if night and not body.draws else 0.0))
        life.step()
    return life, fitted(life.learning, gains=not body.draws)


class Result(Struct, frozen=True, kw_only=True):
    """What came of one body."""

    learned: bool = False
    within: bool = False
    met: int = 0
    could: int = 0
    """Deadlines that its twin met."""
    met_of_could: int = 0
    energy_ratio: float = 0.0


def deadlines(life: Life, fit: Fit, days: int) -> Result:
    """Return what becomes of the deadlines of `days` days. The model goes on learning."""
    body, began_wh, twin_began_wh = life.body, life.energy_wh, life.twin_wh
    met = could = both = 0
    for _ in range(days):
        end_s = (life.at_s // DAY_S) * DAY_S + DEADLINE_S + (DAY_S if life.at_s % DAY_S >= DEADLINE_S else 0.0)
        fit = fitted(life.learning, gains=not body.draws) or fit
        while life.at_s < end_s:
            left_s = end_s - life.at_s
            if left_s > 12 * 3600:
                life.thermostat(body.target_c - body.band_c)
            else:
                life.on = must_heat(life, fit, left_s)
            life.step()
        reached, twin = life.real_c >= body.target_c - MISSED_C, life.twin_c >= body.target_c - MISSED_C
        met, could, both = met + reached, could + twin, both + (reached and twin)
    ratio = (life.energy_wh - began_wh) / max(1.0, life.twin_wh - twin_began_wh)
    return Result(learned=True, met=met, could=could, met_of_could=both, energy_ratio=ratio)


def must_heat(life: Life, fit: Fit, left_s: float) -> bool:
    """Tell whether heating must run now for the target to be reached in time, with something to spare."""
    body = life.body
    around = Around(power_w=body.power_w, ambient_c=life.ambient_c())
    spare_c = 2 * fit.residual_c + body.noise_c
    target_c = body.target_c + spare_c
    if left_s <= SPARE_S or life.on:
        return life.shown_c() < target_c
    need_s = heating_s(fit.model, life.shown_c(), target_c, around, by_s=left_s)
    return need_s is None or (need_s > 0.0 and need_s * SPARE_RATIO + SPARE_S >= left_s)


def trial(number: int, days: int) -> Result:
    """Return what comes of one random body."""
    chance = Random(number)
    body = (room if number % 2 else tank)(chance)
    life, fit = learned(body, chance)
    if fit is None:
        return Result()
    capacity = abs(fit.model.capacity_wh_per_k / body.model.capacity_wh_per_k - 1)
    loss = abs(fit.model.loss_w_per_k / body.model.loss_w_per_k - 1)
    return replace(deadlines(life, fit, days), within=max(capacity, loss) <= 0.1)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    asked = parser.parse_args()
    found = [trial(number, asked.days) for number in range(asked.bodies)]
    for name, some in (("tanks", found[0::2]), ("rooms", found[1::2])):
        known = [each for each in some if each.learned]
        met, could = sum(each.met_of_could for each in known), sum(each.could for each in known)
        energy = sum(each.energy_ratio for each in known) / max(1, len(known))
        print(
            f"{name}: {len(known)} of {len(some)} learned in 7 days, {sum(each.within for each in known)} within 10 %"
        )
        print(f"  deadlines met: {sum(each.met for each in known)} of {len(known) * asked.days} in all,", end=" ")
        print(f"{met} of {could} that could be ({met / max(1, could):.2%}); energy {energy:.0%} of keeping hot")


if __name__ == "__main__":
    main()
