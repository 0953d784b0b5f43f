"""A short recorded history of two loads, with an outside limit, a changed file, and an allocator that starts again."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from evenload.replay.findings import Difference, Gap, Otherwise
from evenload.replay.fold import Fold
from evenload.simulation.runner import run_paths
from evenload.site.schema import Site

SITE: dict[str, Any] = {
    "site": "home",
    "phases": ["L1"],
    "grid": {"breaker_a": 25},
    "loads": {
        "car": {"type": "evse", "min_a": 6, "max_a": 16},
        "heater": {"type": "plug", "power_w": 1150, "priority": 2},
    },
}
SCENARIO = {
    "name": "some life",
    "site": SITE,
    "given": {
        "household_a": {"L1": 2},
        "meters": {"noise_a": 0.05},
        "loads": {"car": {"status": "charging"}, "heater": {"status": "charging"}},
    },
    "timeline": [
        {"at_s": 60, "given": {"household_a": {"L1": 14}}},
        {"at_s": 120, "given": {"limits": {"dso": {"limit_w": 4000, "valid_s": 60}}}},
        {"at_s": 240, "given": {"household_a": {"L1": 1}}, "site": {"loads": {"car": {"max_a": 10}}}},
        {"at_s": 300, "fault": {"kind": "allocator_dies"}},
        {"at_s": 320, "fault": {"kind": "allocator_returns"}},
        {"at_s": 800, "given": {"meters": {"noise_a": 0}}},
    ],
}
Line = tuple[str, bytes]


@cache
def lines(folder: Path) -> tuple[Line, ...]:
    """Return what the simulated site published; made once for each folder."""
    path = folder / "life.yaml"
    path.write_text(yaml.safe_dump(SCENARIO, sort_keys=False), encoding="utf-8")
    found: list[Line] = []
    run_paths([path], sink=lambda subject, data: found.append((subject, data)))
    return tuple(found)


def replayed(history: tuple[Line, ...] | list[Line], other: Site | None = None) -> Fold:
    """Return the fold of a history."""
    fold = Fold({other.site: other} if other is not None else {})
    for subject, data in history:
        fold.take(subject, data)
    return fold


def gaps(fold: Fold) -> list[Gap]:
    """Return what is missing."""
    return [each for each in fold.findings if isinstance(each, Gap)]


def differences(fold: Fold) -> list[Difference]:
    """Return what came out otherwise."""
    return [each for each in fold.findings if isinstance(each, Difference)]


def otherwise(fold: Fold) -> list[Otherwise]:
    """Return what the other configuration says."""
    return [each for each in fold.findings if isinstance(each, Otherwise)]


def other_site(**grid: Any) -> Site:
    """Return the site with other values of its grid connection."""
    return msgspec.convert(SITE | {"grid": {"breaker_a": 25} | grid}, Site)


def places(history: tuple[Line, ...] | list[Line], ending: str) -> list[int]:
    """Return where the events are whose subject ends so."""
    return [place for place, (subject, _) in enumerate(history) if subject.endswith(ending)]


def event(line: Line) -> dict[str, Any]:
    """Return an event as plain values."""
    found: dict[str, Any] = msgspec.json.decode(line[1])
    return found
