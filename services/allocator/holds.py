"""Quiet before a raise: how long each limit must have been quiet, and how far a load may rise before.

An overload makes its limit quiet for 20 s, for longer with each one of the last 10 min that counts: 20, 40, … 300 s.
It counts when it stopped a load, or exceeded 1.13 · In: below that a breaker carries it for an hour (IEC 60898-1).
What the house drew at the time is remembered for as long. Up to what even the return of that much would leave under
`SURVIVED_RATIO` · In (less than 1.13, for noise and whole steps) a raise needs no more than the first 20 s: there the
worst that can come is a trim. With base b and ℓ_p on phase p: ℓ_p ≤ 1.1 · In − max b; and a start besides needs
ℓ_p ≤ limit − max b, so that it is not a stop that comes.
"""

from msgspec.structs import replace

from evenload.contracts.phases import PHASES
from evenload.site.breaker import BORNE_RATIO
from services.allocator.memory import LimitMemory, LoadMemory, Memory, Peak
from services.allocator.plan import MASK_PHASES, Plan, PlannedLoad

HOLD_S, HOLD_MOST_S = 20.0, 300.0
OVERLOAD_KEPT_S = 600.0
SOON_S = 60.0
FACTOR_MOST = 16
FAST_RATIO = BORNE_RATIO
SURVIVED_RATIO = 1.1
_PEAKS_MOST = 10
_BREAKERS = tuple(f"breaker {phase}" for phase in PHASES)


def limit_names(plan: Plan, load: PlannedLoad) -> list[str]:
    """Return the names of all hard limits above a load, as holds are kept by them."""
    names = [_BREAKERS[phase] for phase in load.phases]
    names += [f"{plan.nodes[node].kind} {plan.nodes[node].name}" for node in load.nodes]
    return [*names, "import", "outside", "supply"]


def hold_until_s(plan: Plan, load: PlannedLoad, memory: Memory) -> float:
    """Return until when a load may not rise freely: 20 s after the last cut at any of its limits, doubling to 5 min
    with each overload there in the last 10 min and with each cut soon after its own raise."""
    if not memory.limits:
        return -1e9
    return _until_s(plan, load, memory, plain=False)


def survived_from_s(plan: Plan, load: PlannedLoad, memory: Memory) -> float:
    """Return from when a load may rise as far as the remembered peaks allow: only breakers remember any."""
    return _until_s(plan, load, memory, plain=True)


def _until_s(plan: Plan, load: PlannedLoad, memory: Memory, *, plain: bool) -> float:
    factor, until_s = memory.loads[load.name].hold_factor, -1e9
    for name in limit_names(plan, load):
        limit = memory.limits.get(name)
        if limit is None:
            continue
        hold_s = HOLD_S
        if not (plain and limit.peaks):
            hold_s = min(HOLD_MOST_S, HOLD_S * 2 ** max(0, min(len(limit.overloads_s), 5) - 1) * factor)
        until_s = max(until_s, limit.cut_s + hold_s)
    return until_s


def survived_room_ma(plan: Plan, load: PlannedLoad, memory: Memory, counted_ma: list[int]) -> int:
    """Return how much of a raise would survive the return of the highest remembered base, mA per line; may be < 0.

    `counted_ma` = what loads may draw on each phase as commanded.
    """
    assert plan.breaker_ma is not None
    most_ma = int(SURVIVED_RATIO * plan.breaker_ma)
    return min((most_ma - peak - counted_ma[phase] for phase, peak in _peaks_ma(load, memory)), default=0)


def start_survives(plan: Plan, load: PlannedLoad, memory: Memory, used: tuple[list[int], int]) -> bool:
    """Tell whether a start would not be stopped again by the return of the highest remembered base.

    `used` = (what loads may draw on each phase as commanded, what the start adds), mA.
    """
    counted_ma, adds_ma = used
    limit_ma = plan.limit_ma or 0
    return all(peak + counted_ma[phase] + adds_ma <= limit_ma for phase, peak in _peaks_ma(load, memory))


def _peaks_ma(load: PlannedLoad, memory: Memory) -> list[tuple[int, int]]:
    found = []
    for phase in load.phases:
        limit = memory.limits.get(_BREAKERS[phase])
        if limit is not None and limit.peaks:
            found.append((phase, limit.peaks[0].base_ma))
    return found


def overloaded_limit(limit: LimitMemory | None, now_s: float, *, counts: bool) -> LimitMemory:
    """Return a limit's memory after an overload."""
    known = limit or LimitMemory()
    overloads_s = (*known.overloads_s[-9:], now_s) if counts else known.overloads_s
    return replace(known, cut_s=now_s, overloads_s=overloads_s)


def remembered_limits(limits: dict[str, LimitMemory], now_s: float) -> dict[str, LimitMemory]:
    """Return the limits that still matter, without overloads and peaks that are too old."""
    return {name: _recent(limit, now_s) for name, limit in limits.items() if now_s - limit.cut_s < OVERLOAD_KEPT_S}


def _recent(limit: LimitMemory, now_s: float) -> LimitMemory:
    overloads_s = tuple(time for time in limit.overloads_s if now_s - time < OVERLOAD_KEPT_S)
    peaks = tuple(peak for peak in limit.peaks if now_s - peak.at_s < OVERLOAD_KEPT_S)
    if len(overloads_s) == len(limit.overloads_s) and len(peaks) == len(limit.peaks):
        return limit
    return replace(limit, overloads_s=overloads_s, peaks=peaks)


def with_peaks(plan: Plan, limits: dict[str, LimitMemory], bases_ma: list[int | None], now_s: float) -> None:
    """Note in `limits` what is drawn beside the loads on the phases whose breakers were overloaded; None = not known.

    Kept are only peaks that a later one does not exceed, highest and oldest first.
    """
    for phase in MASK_PHASES[plan.site_mask]:
        base_ma, limit = bases_ma[phase], limits.get(_BREAKERS[phase])
        if base_ma is None or limit is None:
            continue
        higher = tuple(peak for peak in limit.peaks if peak.base_ma > base_ma)[: _PEAKS_MOST - 1]
        limits[_BREAKERS[phase]] = replace(limit, peaks=(*higher, Peak(now_s, base_ma)))


def with_cut(memory: LoadMemory, now_s: float, *, counts: bool) -> LoadMemory:
    """Return the memory of a load that a hard limit has cut; one soon after a raise doubles its hold if it counts."""
    soon = counts and now_s - memory.raised_s < SOON_S
    factor = min(FACTOR_MOST, memory.hold_factor * 2) if soon else memory.hold_factor
    return replace(memory, cut_s=now_s, hold_factor=factor)


def with_quiet(memory: LoadMemory, now_s: float) -> LoadMemory:
    """Return the memory of a load that was not cut: after 10 min of that its hold is as at first."""
    if memory.hold_factor > 1 and now_s - memory.cut_s > OVERLOAD_KEPT_S:
        return replace(memory, hold_factor=1)
    return memory
