"""A day's course in a scenario: sun, house, warmth and hot water of `seasons.py` as moments of its timeline.

`course:` stands beside `given`; its moments come before those that the timeline has at the same time, so what is
written by hand wins.
"""

from datetime import date, datetime, timedelta
from statistics import fmean
from typing import Annotated, Any

from msgspec import Meta

from evenload.simulation.scenario import Moment, Part
from evenload.simulation.seasons import Day, Place, day_of
from evenload.site.schema import Site
from evenload.site.windows import zone_of

HOUR_MIN = 60


class Course(Part, frozen=True, kw_only=True):
    """Where and how long: everything else comes from the day itself and the seed."""

    seed: int = 1
    peak_w: Annotated[float, Meta(ge=0, le=1e6, description="peak power of the panels, W")] = 9_000.0
    house_ratio: Annotated[float, Meta(ge=0, le=100, description="house against a family's")] = 1.0
    hours: Annotated[float, Meta(gt=0, le=24)] = 24.0
    every_s: Annotated[float, Meta(ge=60, le=3600, description="facts change so often")] = 300.0
    outdoor: Annotated[tuple[str, ...], Meta(description="loads whose mass stands in the weather")] = ()
    water: Annotated[tuple[str, ...], Meta(description="tanks that hot water is drawn from")] = ()
    forecast: Annotated[bool, Meta(description="the sun is forecast, without its single clouds")] = True


def moments_of(course: Course, site: Site, starts_at: datetime) -> list[Moment]:
    """Return the course as moments: a mean of sun, house and water for each step, and the forecast at the start."""
    place = Place(seed=course.seed, peak_w=course.peak_w, time_zone=site.time_zone, house_ratio=course.house_ratio)
    local = starts_at.astimezone(zone_of(site.time_zone))
    begin_min = local.hour * HOUR_MIN + local.minute
    step_min = max(1, round(course.every_s / 60))
    found = []
    for offset_min in range(0, round(course.hours * HOUR_MIN), step_min):
        given = _facts(course, place, (local.date(), begin_min + offset_min), step_min)
        if offset_min == 0 and course.forecast:
            given["forecasts"] = {"solar": _forecast(place, local.date(), begin_min)}
        found.append(Moment(at_s=offset_min * 60.0, given=_for_phases(given, site)))
    return found


def _facts(course: Course, place: Place, when: tuple[date, int], step_min: int) -> dict[str, Any]:
    day, minute = _day_at(place, *when)
    part = slice(minute, minute + step_min)
    house = [round(fmean(values), 2) for values in zip(*day.house_a[part], strict=True)]
    thermal: dict[str, dict[str, float]] = {}
    for name in course.outdoor:
        thermal[name] = {"ambient_c": day.outdoor_c[minute]}
    for name in course.water:
        thermal.setdefault(name, {})["gain_w"] = round(-fmean(day.water_w[part]), 1)
    return {
        "solar_w": round(fmean(day.sun_w[part]), 1),
        "household_a": dict(zip(("L1", "L2", "L3"), house, strict=True)),
        "thermal": thermal,
    }


def _for_phases(given: dict[str, Any], site: Site) -> dict[str, Any]:
    """Return the facts with the house on the phases that the site has."""
    house: dict[str, float] = given["household_a"]
    if len(site.phases) == 1:
        return given | {"household_a": {site.phases[0]: round(sum(house.values()), 2)}}
    return given | {"household_a": {phase: house[phase] for phase in site.phases}}


def _day_at(place: Place, first: date, minute: int) -> tuple[Day, int]:
    days, of_day = divmod(minute, 24 * HOUR_MIN)
    return day_of(place, first + timedelta(days=days)), of_day


def _forecast(place: Place, first: date, begin_min: int) -> list[dict[str, float]]:
    """Return the hours of two days as a forecast tells them, W."""
    found = []
    for hour in range(48):
        day, minute = _day_at(place, first, hour * HOUR_MIN)
        at_s = (hour * HOUR_MIN - begin_min) * 60.0
        found.append({"at_s": at_s, "value": round(fmean(day.expected_w[minute : minute + HOUR_MIN]))})
    return found
