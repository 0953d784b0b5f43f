"""Limits from outside as the planner counts on them: what is in force now, for as long as it is known to hold. Pure.

The allocator says in each decision what every source bounds. One that ends by itself bounds the slots until then; of
one whose end nobody knows it is taken that it holds to the deadline: a plan that would need its end says at once what
will be missing. A limit bounds what comes from the grid; own sun is on top.
"""

from msgspec import Struct

from evenload.contracts.limits import LimitInForce, LimitScope
from evenload.site.schema import Site, phases_of
from services.planner.facts import Facts
from services.planner.hours import Slot
from services.planner.problem import Room
from services.planner.shapes import Shape

_UNBOUND_A = 1e6
"""In a slot that a limit does not reach."""


class Bounded(Struct, frozen=True, kw_only=True):
    """One source: what it allows in each slot, W; None = all."""

    source: str
    scope: LimitScope
    limit_w: tuple[float | None, ...]


def limits_of(facts: Facts, known: tuple[Slot, ...]) -> tuple[Bounded, ...]:
    """Return the limits that are in force, slot by slot."""
    found = facts.decision.limits if facts.decision is not None else ()
    return tuple(_bounded(each, known) for each in found if each.limit_w is not None)


def _bounded(limit: LimitInForce, known: tuple[Slot, ...]) -> Bounded:
    ahead_s, limit_w = 0.0, []
    for slot in known:
        limit_w.append(limit.limit_w if limit.left_s is None or ahead_s < limit.left_s else None)
        ahead_s += slot.length_h * 3600.0
    return Bounded(source=limit.source, scope=limit.scope, limit_w=tuple(limit_w))


def outside_rooms(
    site: Site, shapes: dict[str, Shape], limits: tuple[Bounded, ...], taken: tuple[dict[str, float], dict[str, float]]
) -> tuple[Room, ...]:
    """Return a room for each limit; `taken` = what the house draws, A by phase, and what other loads keep, A by load.

    A limit of the connection leaves what the house does not draw, one of the managed loads leaves all.
    """
    house_a, reserved_a = taken
    kept_a = sum(current_a * len(phases_of(site.loads[name], site)) for name, current_a in reserved_a.items())
    members = tuple((index, float(len(shapes[name].phases))) for index, name in enumerate(sorted(shapes)))
    found = []
    for limit in limits:
        beside_a = kept_a + (sum(house_a.values()) if limit.scope == "import" else 0.0)
        by_slot = tuple(
            _UNBOUND_A if allowed_w is None else max(0.0, allowed_w / site.voltage_v - beside_a)
            for allowed_w in limit.limit_w
        )
        name = f"limit of {limit.source}"
        found.append(Room(name=name, members=members, limit_a=_UNBOUND_A, limit_by_slot_a=by_slot, grid_only=True))
    return tuple(found)
