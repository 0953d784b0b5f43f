"""The question that is solved: who needs how much by which slot, and what carries it. Currents in A per line."""

from msgspec import Struct

SPARE_COST = 0.5
"""Per kWh beside the price, in the last quarter hour before a deadline: it is for what comes between."""


class Ask(Struct, frozen=True, kw_only=True):
    """One load: within [min_a, max_a] or off; `watts_a_ratio` W for each A; `slots` it has; `rank` 0 goes first."""

    load: str
    min_a: float
    max_a: float
    watts_a_ratio: float
    need_wh: float
    slots: int
    rank: int
    max_by_slot_a: tuple[float, ...] = ()
    """Highest current in each slot where it is not max_a in all; 0 = off."""


class Room(Struct, frozen=True, kw_only=True):
    """A limit: the sum of weight times current over its members, in each slot."""

    name: str
    members: tuple[tuple[int, float], ...]
    """(index of the ask, weight): 1 for a phase of a circuit, the number of lines for a sum over phases."""
    limit_a: float
    limit_by_slot_a: tuple[float, ...] = ()
    """The limit in each slot where it is not the same in all."""
    grid_only: bool = False
    """What is drawn of own sun does not count: limits from outside bound what comes from the grid."""


class Problem(Struct, frozen=True, kw_only=True):
    """The whole question."""

    lengths_h: tuple[float, ...]
    costs: tuple[float, ...]
    """Of a kWh from the grid in each slot, with what prefers one of equals."""
    sun_w: tuple[float, ...]
    """Surplus expected in each slot, W; all 0 = not counted on."""
    sun_cost: float
    asks: tuple[Ask, ...]
    rooms: tuple[Room, ...]
    fixed_a: tuple[float, ...] = ()
    """What each ask draws from the grid in the first slot, where that is settled already."""


class Solved(Struct, frozen=True, kw_only=True):
    """The answer: per ask and slot A from the grid and A from the sun, and per ask what will be missing, Wh."""

    grid_a: tuple[tuple[float, ...], ...]
    sun_a: tuple[tuple[float, ...], ...]
    short_wh: tuple[float, ...]
    how: str


def cost_of(problem: Problem, ask: Ask, slot: int) -> float:
    """Return the cost of a kWh from the grid for an ask; its last slot is kept free while it can be."""
    return problem.costs[slot] + (SPARE_COST if slot == ask.slots - 1 else 0.0)


def limit_in_a(room: Room, slot: int) -> float:
    """Return a room's limit in a slot."""
    return room.limit_by_slot_a[slot] if room.limit_by_slot_a else room.limit_a


def most_a(ask: Ask, slot: int) -> float:
    """Return the highest current of an ask in a slot."""
    return ask.max_by_slot_a[slot] if ask.max_by_slot_a else ask.max_a
