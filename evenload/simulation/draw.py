"""What a vehicle or a switched device draws, given what its outlet offers; pure, in virtual time.

A vehicle follows the offered current late (`lag_s`, then like a first-order lag of `tau_s`) and a little below
(`offset_a`), on the lines that it uses, never above its own limit, and not at all while it sleeps. A switched device
draws its rated current when on. The track keeps what is drawn now and what will be drawn soon, in stairs of `STAIR_S`.
"""

import math
from dataclasses import dataclass, replace

from evenload.simulation.plant import PhaseValues

LOWEST_A = 6.0
"""Below this a vehicle does not charge (IEC 61851)."""
STAIR_S, STAIRS_TAUS = 0.1, 6.0


@dataclass(frozen=True)
class Appetite:
    """What a load would draw: `lines` site phase indexes it really uses; `rated_a` None = a vehicle."""

    lines: tuple[int, ...]
    lag_s: float = 2.0
    tau_s: float = 0.0
    offset_a: float = 0.0
    own_max_a: float = 1_000.0
    extra_a: float = 0.0
    sleeps: bool = False
    rated_a: float | None = None
    stuck_on: bool = False
    lowest_a: float = LOWEST_A


@dataclass(frozen=True)
class Track:
    """A per line: `now_a`, and what comes: (virtual time s, A), in order of time."""

    now_a: float = 0.0
    coming: tuple[tuple[float, float], ...] = ()


def follows_a(appetite: Appetite, offered_a: float) -> float:
    """Return what it draws per line once it has followed the offer, A."""
    if appetite.rated_a is not None:
        on = appetite.stuck_on or (offered_a > 0 and not appetite.sleeps)
        return appetite.rated_a if on else 0.0
    if appetite.sleeps or offered_a < appetite.lowest_a:
        return appetite.extra_a if appetite.stuck_on else 0.0
    return max(0.0, min(offered_a - appetite.offset_a, appetite.own_max_a)) + appetite.extra_a


def offer(track: Track, appetite: Appetite, offered_a: float, now_s: float) -> Track:
    """Return the track after the outlet's offer changed at `now_s`; the last offer wins at its own time."""
    begins_s, to_a = now_s + appetite.lag_s, follows_a(appetite, offered_a)
    before = tuple(item for item in track.coming if item[0] < begins_s) if appetite.tau_s else track.coming
    if not appetite.tau_s:
        return replace(track, coming=(*before, (begins_s, to_a)))
    from_a = before[-1][1] if before else track.now_a
    count = math.ceil(STAIRS_TAUS * appetite.tau_s / STAIR_S)
    stairs = (
        (begins_s + step * STAIR_S, to_a + (from_a - to_a) * math.exp(-step * STAIR_S / appetite.tau_s))
        for step in range(1, count)
    )
    return replace(track, coming=(*before, *stairs, (begins_s + count * STAIR_S, to_a)))


def at_time(track: Track, now_s: float) -> Track:
    """Return the track with all that was due by `now_s` in force."""
    if not track.coming or track.coming[0][0] > now_s:
        return track
    due = [value for at_s, value in track.coming if at_s <= now_s]
    return Track(now_a=due[-1], coming=tuple(item for item in track.coming if item[0] > now_s))


def per_phase(draws: list[tuple[Appetite, Track]], phases: int) -> PhaseValues:
    """Return the sum of all draws on each site phase, A."""
    total_a = [0.0] * phases
    for appetite, track in draws:
        for line in appetite.lines:
            total_a[line] += track.now_a
    return tuple(total_a)
