"""Sun, weather, house, hot water and car over a year: pure functions of a place, a day and a seed.

Everything is told for one local day at once, a number for each minute of its wall clock, so that a simulated year costs
no more than its days. Days follow each other: what a day's clouds and warmth are made of is shared with its neighbours.
The sun stands where astronomy has it (declination and hour angle, to half a degree); clouds, house, water and car are
dice, made from the seed, the day and a name, so that what one of them draws never moves another.
"""

import math
import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTES = 1440
KNOT_MIN = 20
"""Clouds change their mind so often."""
TILT_GAIN = 1.15
"""A roof towards the sun yields more than flat ground; on flat ground 1 kW peak never gives 1 kW here."""
COVER_TAKES = 0.78
WATER_WH_PER_L_K = 1.163
WARM_C, COLD_C = 40.0, 10.0
"""Water as it is used, and as it comes in."""


@dataclass(frozen=True)
class Place:
    """A house somewhere: what makes its year its own."""

    seed: int = 1
    peak_w: float = 9_000.0
    latitude_deg: float = 50.0
    longitude_deg: float = 10.0
    time_zone: str = "Europe/Berlin"
    house_ratio: float = 1.0
    """How much more than a family of four it draws beside its loads."""
    mean_c: float = 10.0


@dataclass(frozen=True)
class Day:
    """One local day; each tuple has a number for each minute of the wall clock."""

    sun_w: tuple[float, ...]
    expected_w: tuple[float, ...]
    """The sun as a forecast of the evening before would tell it: right on the whole, knowing no single cloud."""
    outdoor_c: tuple[float, ...]
    house_a: tuple[tuple[float, float, float], ...]
    water_w: tuple[float, ...]
    """Heat that leaves the tank with the water, W."""


@dataclass(frozen=True)
class Trip:
    """A car away from home: minutes of the local day, and what it needs for the way, Wh from its battery."""

    leaves_min: int
    returns_min: int
    used_wh: float


@lru_cache(maxsize=4)
def day_of(place: Place, day: date) -> Day:
    """Return a day of a place."""
    clear = _clear_sky(place, day)
    cover = cover_of(place, day)
    sky = _sky(place, day, cover)
    through = 1.0 - COVER_TAKES * cover
    return Day(
        sun_w=tuple(round(light * part, 1) for light, part in zip(clear, sky, strict=True)),
        expected_w=tuple(round(light * through, 1) for light in clear),
        outdoor_c=_outdoor(place, day, cover),
        house_a=_house(place, day),
        water_w=_water(place, day),
    )


def cover_of(place: Place, day: date) -> float:
    """Return how much of a day's sky is covered, 0 to 1: spells of days, more of it in winter."""
    spell = sum(_chance(place.seed, "cover", day.toordinal() + step) for step in (-1, 0, 1)) / 3
    winter = 0.5 + 0.5 * math.cos(2 * math.pi * (_of_year(day) - 10) / 365)
    return min(1.0, max(0.0, 1.9 * spell - 0.5 + 0.25 * winter))


def trip_of(place: Place, day: date) -> Trip | None:
    """Return when the car is away on a day; None = it stays. To work from Monday to Friday, else where it likes."""
    dice = random.Random(f"{place.seed}:car:{day.isoformat()}")
    if day.weekday() < 5:
        if dice.random() < 0.08:
            return None
        leaves = round(dice.gauss(450, 12))
        returns = round(dice.gauss(1030, 35))
        return Trip(leaves, max(leaves + 60, returns), round(dice.uniform(5_000, 13_000)))
    if dice.random() < 0.45:
        return None
    leaves = round(dice.uniform(560, 800))
    returns = min(1380, leaves + round(dice.uniform(90, 360)))
    return Trip(leaves, returns, round(dice.uniform(4_000, 22_000)))


def _clear_sky(place: Place, day: date) -> list[float]:
    """Return the production under a cloudless sky, W, minute by minute."""
    noon = datetime.combine(day, time(12), ZoneInfo(place.time_zone))
    offset = noon.utcoffset() or timedelta()
    declination = math.radians(-23.44) * math.cos(2 * math.pi * (_of_year(day) + 10) / 365)
    latitude = math.radians(place.latitude_deg)
    high = math.sin(latitude) * math.sin(declination)
    wide = math.cos(latitude) * math.cos(declination)
    shift_min = place.longitude_deg * 4 - offset.total_seconds() / 60
    found = []
    for minute in range(MINUTES):
        hour_angle = 2 * math.pi * (minute + shift_min - 720) / MINUTES
        height = high + wide * math.cos(hour_angle)
        found.append(0.0 if height <= 0.0 else place.peak_w * min(1.0, TILT_GAIN * height**1.15))
    return found


def _sky(place: Place, day: date, cover: float) -> list[float]:
    """Return what the clouds let through, 0 to 1, minute by minute; smooth between knots."""
    first = day.toordinal() * MINUTES // KNOT_MIN
    knots = [_shade(place.seed, first + step, cover) for step in range(MINUTES // KNOT_MIN + 1)]
    found = []
    for minute in range(MINUTES):
        place_in, rest = divmod(minute, KNOT_MIN)
        part = rest / KNOT_MIN
        part = part * part * (3 - 2 * part)
        shade = knots[place_in] + (knots[place_in + 1] - knots[place_in]) * part
        found.append(1.0 - COVER_TAKES * shade)
    return found


def _shade(seed: int, knot: int, cover: float) -> float:
    """Return how dark a cloud of a knot is: all of a covered sky, single ones of a fair one."""
    dice = _chance(seed, "cloud", knot)
    if cover >= 0.9:
        return 0.85 + 0.15 * dice
    return min(1.0, max(0.0, (dice - (1 - cover)) / 0.25 + 0.5))


def _outdoor(place: Place, day: date, cover: float) -> tuple[float, ...]:
    season = -math.cos(2 * math.pi * (_of_year(day) - 20) / 365)
    spell = sum(_chance(place.seed, "warmth", day.toordinal() + step) for step in range(-2, 3)) / 5 - 0.5
    middle = place.mean_c + 9.5 * season + 22.0 * spell
    swing = (2.0 + 2.5 * (1 + season) / 2) * (1.2 - 0.7 * cover)
    return tuple(
        round(middle - swing * math.cos(2 * math.pi * (minute - 240) / MINUTES), 2) for minute in range(MINUTES)
    )


def _house(place: Place, day: date) -> tuple[tuple[float, float, float], ...]:
    """Return what the house draws on each phase, A: what is always on, and appliances that come and go."""
    dice = random.Random(f"{place.seed}:house:{day.isoformat()}")
    drawn = [[0.45, 0.35, 0.4] for _ in range(MINUTES)]
    at_home = day.weekday() >= 5
    for phase, current_a, length, times in (
        (1, 8.7, 4, [400, 425, *([780] if at_home else []), 1020, 1210]),  # kettle
        (2, 7.0, 25, [1080] if not at_home else [730, 1090]),  # stove
        (2, 4.0, 40, [1070] if dice.random() < 0.5 else []),  # oven
        (0, 3.5, 70, [600 + 240 * (not at_home)] if dice.random() < 0.45 else []),  # washing
        (0, 2.2, 60, [1230] if dice.random() < 0.7 else []),  # dishes
        (1, 1.2, 270, [1050]),  # evening: light, television
        (0, 0.8, 75, [375]),  # morning
    ):
        for about in times:
            start = max(0, about + round(dice.gauss(0, 20)))
            for minute in range(start, min(MINUTES, start + length)):
                drawn[minute][phase] += current_a
    for start in range(dice.randrange(40), MINUTES, 45):  # fridge and freezer
        for minute in range(start, min(MINUTES, start + 15)):
            drawn[minute][0] += 0.6
    ratio = place.house_ratio
    return tuple((round(one * ratio, 2), round(two * ratio, 2), round(three * ratio, 2)) for one, two, three in drawn)


def _water(place: Place, day: date) -> tuple[float, ...]:
    """Return the heat that is drawn with hot water, W: showers, kitchen, a bath at the week's end."""
    dice = random.Random(f"{place.seed}:water:{day.isoformat()}")
    drawn_w = [0.0] * MINUTES
    baths = [(1170, 90.0, 8)] if day.weekday() >= 5 and dice.random() < 0.5 else []
    for about, litres, minutes in (
        (395, dice.uniform(30, 50), 7),
        (430, dice.uniform(25, 45), 6),
        (760, dice.uniform(3, 10), 4),
        (1110, dice.uniform(8, 18), 5),
        (1290, dice.uniform(20, 45), 6),
        *baths,
    ):
        start = about + round(dice.gauss(0, 12))
        heat_w = litres * WATER_WH_PER_L_K * (WARM_C - COLD_C) * 60 / minutes
        for minute in range(start, start + minutes):
            drawn_w[minute % MINUTES] += round(heat_w, 1)
    return tuple(drawn_w)


def _of_year(day: date) -> int:
    return day.timetuple().tm_yday


def _chance(seed: int, what: str, number: int) -> float:
    return random.Random(f"{seed}:{what}:{number}").random()
