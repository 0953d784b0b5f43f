"""Sun, clouds, house and cars of the demo: pure functions of time and a seed, so that equal seeds give equal days.

Sun and clouds live in the time of the (accelerated) day, house and cars in real seconds from the start: appliances
and drivers are what makes something happen every few seconds.
"""

import math
import random
from dataclasses import dataclass

DAY_S = 86_400.0
SUNRISE_S = 6 * 3600.0
SUNSET_S = 20.5 * 3600.0
CLOUD_KNOT_S = 1200.0
"""Clouds change their mind this often, in the time of the day: each 20 s when it runs 60 times as fast."""
FROM_DAY_S = 12.0 * 3600.0
"""The demo begins at noon: the sun is enough for the solar modes."""
OPENING_COVER = (0.0, 0.0, 0.0, 0.95, 0.1, 0.7, 0.0)
"""The first clouds, whatever the seed: sun to begin with, then a cloud that makes the solar modes give way."""


@dataclass(frozen=True)
class Appliance:
    """Something of the house that switches: on for `on_s` in each `every_s`, shifted by chance; A on one phase."""

    name: str
    phase: int
    current_a: float
    every_s: float
    on_s: float


APPLIANCES = (
    Appliance("fridge", 0, 0.6, 31.0, 13.0),
    Appliance("kettle", 1, 8.7, 53.0, 17.0),
    Appliance("oven", 2, 9.6, 61.0, 22.0),
    Appliance("washing machine", 0, 2.6, 97.0, 41.0),
    Appliance("lights", 1, 1.1, 57.0, 37.0),
)
BASE_A = (0.9, 0.6, 0.7)


@dataclass(frozen=True)
class Visit:
    """A car at a station: from and to in real seconds, its own maximum in A, and the lines it uses."""

    from_s: float
    to_s: float
    vehicle_a: float
    lines: int


OPENING_CARS = {"CP001": Visit(3.0, 130.0, 16.0, 1), "CP002": Visit(7.0, 220.0, 16.0, 1)}
"""The first cars, whatever the seed: each on a single line, so that the sun is enough for both."""


def sun_w(day_s: float, seed: int, peak_w: float = 13_500.0) -> float:
    """Return the production at `day_s` seconds after midnight, W: a clear-sky bell under moving clouds."""
    of_day_s = day_s % DAY_S
    return round(peak_w * _clear_sky(of_day_s) * (1.0 - 0.8 * cloud(day_s, seed)), 1)


def cloud(day_s: float, seed: int) -> float:
    """Return how much of the sky is covered, 0 to 1: smooth between knots, clear about half of the time."""
    knot = math.floor(day_s / CLOUD_KNOT_S)
    part = day_s / CLOUD_KNOT_S - knot
    part = part * part * (3 - 2 * part)
    before, after = _cover(knot, seed), _cover(knot + 1, seed)
    return before + (after - before) * part


def _cover(knot: int, seed: int) -> float:
    since_start = knot - math.floor(FROM_DAY_S / CLOUD_KNOT_S)
    if 0 <= since_start < len(OPENING_COVER):
        return OPENING_COVER[since_start]
    return max(0.0, 2 * _chance(seed, "cloud", knot) - 1)


def cloudy_day_w(seed: int, peak_w: float) -> tuple[float, ...]:
    """Return the production of a day of broken clouds, W for each second: cloud after cloud with sharp edges.

    A cloud takes 30 to 90 % of the light within 2 to 15 s, for about 2 min; gaps are about 2 min too; in a quarter of
    the hours there are clouds only.
    """
    dice = random.Random(f"{seed}:broken clouds")
    light = [1.0] * int(DAY_S)
    at_s = SUNRISE_S
    while at_s < SUNSET_S:
        overcast = random.Random(f"{seed}:hour {int(at_s // 3600)}").random() < 0.25
        at_s += min(900.0, dice.expovariate(1 / (20.0 if overcast else 130.0)))
        lasts_s, edge_s = 10.0 + min(900.0, dice.expovariate(1 / 120.0)), dice.uniform(2.0, 15.0)
        _shade(light, (at_s, at_s + lasts_s), (dice.uniform(0.3, 0.9), edge_s))
        at_s += lasts_s
    return tuple(round(_clear_sky(second) * peak_w * light[second], 1) for second in range(int(DAY_S)))


def _shade(light: list[float], when_s: tuple[float, float], cloud_: tuple[float, float]) -> None:
    """Let a cloud (depth, s of its edges) pass from when to when."""
    (from_s, to_s), (depth, edge_s) = when_s, cloud_
    for second in range(math.floor(from_s), min(len(light), math.ceil(to_s))):
        inside = min(1.0, (second - from_s) / edge_s, (to_s - second) / edge_s)
        light[second] = min(light[second], 1.0 - depth * max(0.0, inside))


def _clear_sky(of_day_s: float) -> float:
    """Return the light of a cloudless sky, 0 to 1."""
    if not SUNRISE_S < of_day_s < SUNSET_S:
        return 0.0
    return math.pow(math.sin(math.pi * (of_day_s - SUNRISE_S) / (SUNSET_S - SUNRISE_S)), 1.3)


def house_a(real_s: float, seed: int) -> tuple[float, float, float]:
    """Return what the house draws per phase, A."""
    drawn_a = list(BASE_A)
    for appliance in APPLIANCES:
        if is_on(appliance, real_s, seed):
            drawn_a[appliance.phase] += appliance.current_a
    return drawn_a[0], drawn_a[1], drawn_a[2]


def is_on(appliance: Appliance, real_s: float, seed: int) -> bool:
    """Tell whether an appliance runs now."""
    turn = math.floor(real_s / appliance.every_s)
    starts_s = _chance(seed, appliance.name, turn) * (appliance.every_s - appliance.on_s)
    return starts_s <= real_s - turn * appliance.every_s < starts_s + appliance.on_s


def visits(station: str, seed: int, count: int = 200) -> tuple[Visit, ...]:
    """Return a station's cars in order; the first comes within seconds, and none overlap."""
    dice = random.Random(f"{seed}:{station}")
    found = [OPENING_CARS[station]] if station in OPENING_CARS else []
    from_s = found[0].to_s + 15.0 if found else dice.uniform(2.0, 9.0)
    for _ in range(count):
        to_s = from_s + dice.uniform(90.0, 240.0)
        found.append(Visit(from_s, to_s, dice.choice((10.0, 13.0, 16.0)), dice.choice((1, 3, 3))))
        from_s = to_s + dice.uniform(10.0, 30.0)
    return tuple(found)


def visit_at(cars: tuple[Visit, ...], real_s: float) -> Visit | None:
    """Return the car that is there now."""
    return next((car for car in cars if car.from_s <= real_s < car.to_s), None)


def _chance(seed: int, what: str, number: int) -> float:
    return random.Random(f"{seed}:{what}:{number}").random()
