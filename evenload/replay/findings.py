"""What a replay finds: counts, gaps, differences, and what another configuration would have decided. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from evenload.contracts.events import Decision, LoadDecision
from services.allocator.explain import bound_text

PATHS_MOST = 8
PASSING = frozenset({"ramp", "hold", "dead band"})


class Gap(Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """From decision `step` on nothing can be said until the next basis, because something is not in the record."""

    site: str
    boot: str
    step: int
    at: datetime
    why: str


class Difference(Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """One value that the replay made otherwise than it is recorded."""

    site: str
    boot: str
    step: int
    at: datetime
    path: str
    recorded: str
    replayed: str


class LoadSaid(Struct, frozen=True, kw_only=True):
    """What a decision says of one load; A per line."""

    setpoint_a: float
    target_a: float
    why: str
    """The limit that bound it, or the rule that holds it; what a rise waits for passes, and is left out."""


class Otherwise(Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """What another configuration would have decided for one load on the same facts; None = it has no such load."""

    site: str
    at: datetime
    load: str
    recorded: LoadSaid | None
    other: LoadSaid | None


Finding = Gap | Difference | Otherwise


class Counts(Struct, kw_only=True):
    """How much was replayed."""

    decisions: int = 0
    """Told decisions that were made again, equal or not."""
    steps: int = 0
    """Decisions made again, told or not."""
    equal: int = 0
    """Told decisions equal byte for byte."""
    begins: int = 0
    """Memories that a replay began with."""
    memories: int = 0
    """Memories told on the way that were reached byte for byte."""
    unknown: int = 0
    """Told decisions for which no memory is known."""
    unreadable: int = 0
    """Decisions and bases that do not keep the contract of this version."""
    compared: int = 0
    """Told decisions compared with another configuration."""

    def add(self, other: "Counts") -> None:
        """Count in what another part of the record gave."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def paths_that_differ(recorded: bytes, replayed: bytes) -> list[tuple[str, str, str]]:
    """Return (path, recorded, replayed) of the first values that differ between two JSON texts; never empty."""
    found = list(_walk("", msgspec.json.decode(recorded), msgspec.json.decode(replayed)))[:PATHS_MOST]
    return found or [("", "equal values in other bytes", "written by another version?")]


def _walk(path: str, one: Any, other: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            yield from _walk(f"{path}.{key}" if path else key, one.get(key, "absent"), other.get(key, "absent"))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _walk(f"{path}[{_label(left, place)}]", left, right)
    elif one != other or type(one) is not type(other):
        yield path, _text(one), _text(other)


def _label(item: Any, place: int) -> str:
    """Return what a list's item is called: its load or name where it has one, else its place."""
    if isinstance(item, dict):
        return str(item.get("load") or item.get("name") or place)
    return str(place)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def otherwise(recorded: Decision, other: Decision) -> list[Otherwise]:
    """Return the loads for which two decisions on the same facts differ."""
    was, would = _said(recorded.loads), _said(other.loads)
    return [
        Otherwise(site=recorded.site, at=recorded.decided_at, load=name, recorded=was.get(name), other=would.get(name))
        for name in sorted({*was, *would})
        if was.get(name) != would.get(name)
    ]


def _said(loads: tuple[LoadDecision, ...]) -> dict[str, LoadSaid]:
    return {line.load: LoadSaid(setpoint_a=line.setpoint_a, target_a=line.target_a, why=_why(line)) for line in loads}


def _why(line: LoadDecision) -> str:
    if line.rule in PASSING or line.rule.startswith("waits "):
        return "its maximum" if line.bound is None else bound_text(line.bound)
    return line.reason.partition("(")[2].removesuffix(")") or line.reason
