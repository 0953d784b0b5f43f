"""Down at once: what must be lowered now, and what hold that starts.

A hard limit that does not hold with the commands in force lowers every load on it to its share of the joint
decision, in one step, unsmoothed, unramped. A source that is gone (surplus, excess, battery rule) lowers whoever lives
from it. A cut that only makes room for another load waits for the hold and for both beliefs.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts.phases import PHASES
from services.allocator.belief import Grid
from services.allocator.board import Board
from services.allocator.draws import FOLLOWS_S, Draw, followed_ma, lowered_s
from services.allocator.holds import (
    FAST_RATIO,
    hold_until_s,
    limit_names,
    overloaded_limit,
    remembered_limits,
    with_cut,
    with_peaks,
    with_quiet,
)
from services.allocator.limits import Caps, Surroundings, caps_for
from services.allocator.memory import Memory
from services.allocator.plan import MASK_PHASES, Plan, PlannedLoad
from services.allocator.share import Share, allocate
from services.allocator.wants import Party

FAILSAFE_RISE_S = 12.0
SHORT_S, SHORT_MA = 3.0, 500
OVERLOAD_RATIO = 1.05
FALLS_MA = 50


class Scene(Struct, frozen=True, kw_only=True):
    """One moment: everything that cuts and raises look at."""

    plan: Plan
    memory: Memory
    party: Party
    grid: Grid
    draws: tuple[Draw, ...]
    now_s: float
    around: Surroundings
    """As raises see it."""
    cut_caps: Caps
    raise_caps: Caps
    cut_shares: tuple[Share, ...]
    raise_shares: tuple[Share, ...]


class Cut(Struct, frozen=True, kw_only=True):
    """New setpoints by index, mA, and the limits that overload made cut."""

    setpoints_ma: tuple[int, ...]
    overloaded: frozenset[str]
    hard: frozenset[int]
    """Loads that a hard limit lowered."""
    counted: frozenset[str] = frozenset()
    """Those of `overloaded` that make holds longer."""
    short: frozenset[int] = frozenset()
    """Loads whose source gives less than they have."""


def settled_board(scene: Scene, setpoints_ma: Sequence[int], *, raising: bool) -> Board:
    """Return a board on which every load has its command, and those beyond control count as they are.

    What is known to be drawn counts even above the command: for raises the least, for cuts the most of it; but a cut
    is credited until it is overdue: the settle time before the grid reading began with it in force.
    """
    board = Board(scene.plan, scene.party.loads, scene.raise_caps if raising else scene.cut_caps)
    beyond, grid_s = dict(scene.party.beyond), _grid_s(scene)
    for load in scene.party.loads:
        if load.index in beyond:
            board.place(load, beyond[load.index])
            continue
        memory = scene.memory.loads[load.name]
        setpoint_ma = setpoints_ma[load.index]
        over_ma = memory.over_ma if setpoint_ma or not memory.setpoint_ma else 0
        board.settle(load, setpoint_ma, over_ma)
        if raising:
            board.hold(load, scene.draws[load.index].low, setpoint_ma + over_ma)
        else:
            board.hold(load, scene.draws[load.index].high, max(setpoint_ma, followed_ma(memory, grid_s)) + over_ma)
    board.export_ma = board.caps.surplus_ma - sum(board.used) + board.excess_ma
    return board


def cuts(scene: Scene) -> Cut:
    """Return the commands after everything that must be lowered now."""
    before = [scene.memory.loads[load.name].setpoint_ma for load in scene.plan.loads]
    if scene.grid.health == "failsafe":
        return Cut(setpoints_ma=_at_failsafe(scene, before), overloaded=frozenset(), hard=frozenset())
    after = list(before)
    board = settled_board(scene, before, raising=False)
    hard: set[int] = set()
    overloaded: set[str] = set()
    counted: set[str] = set()
    if not board.holds() and not _still_falls(scene, board):
        hard = _shed(scene, board, after)
        stopped = any(after[index] == 0 for index in hard)
        overloaded = {name for name in _broken(scene, board) if stopped or _ratio(scene, name, board) > OVERLOAD_RATIO}
        counted = {name for name in overloaded if stopped or _is_fast(scene, name)}
    hard |= _drop_at_twice(scene, after)
    if hard:
        board = settled_board(scene, after, raising=False)
    short = _lower_sources(scene, after, board)
    changed = {index for index in hard if after[index] < before[index]}
    return Cut(
        setpoints_ma=tuple(after),
        overloaded=frozenset(overloaded if changed else ()),
        hard=frozenset(changed),
        counted=frozenset(counted if changed else ()),
        short=short,
    )


def _still_falls(scene: Scene, board: Board) -> bool:
    """Tell whether all that is over its limit is a little over it, and falls: a cut that a slow vehicle still follows
    when the settle time is over is not overdue, and made again it would be too much."""
    repeated = scene.memory.repeated
    if repeated is None:
        return False
    for name in _broken(scene, board):
        if not name.startswith("breaker ") or _ratio(scene, name, board) > OVERLOAD_RATIO:
            return False
        phase = PHASES.index(name.removeprefix("breaker "))
        follows = any(
            phase in load.phases and scene.now_s - lowered_s(scene.memory.loads[load.name]) <= FOLLOWS_S
            for load in scene.party.loads
        )
        if not follows or repeated.was_ma[phase] - scene.grid.current_ma[phase] < FALLS_MA:
            return False
    return True


def _at_failsafe(scene: Scene, before: Sequence[int]) -> tuple[int, ...]:
    """Return the setpoints while the grid is unknown.

    Down to the failsafe at once. Up to it, which is proven to fit beside the most that the house draws, only for who
    may use the grid, within its own limit, when all others have come down and no limit from outside is in force.
    """
    since_s = scene.memory.failsafe_s
    limited = scene.around.outside_import_ma is not None or scene.around.outside_managed_ma is not None
    may_rise = since_s is not None and scene.now_s - since_s >= FAILSAFE_RISE_S and not limited
    most_ma = {want.index: want.max_ma for want in scene.party.wants}
    setpoints = []
    for load, now_ma in zip(scene.plan.loads, before, strict=True):
        failsafe_ma = min(load.failsafe_ma, most_ma.get(load.index, 0))
        rises = may_rise and load.urgency < 2 and failsafe_ma >= load.min_ma
        setpoints.append(failsafe_ma if rises else min(now_ma, load.failsafe_ma))
    return tuple(setpoints)


def _shed(scene: Scene, board: Board, after: list[int]) -> set[int]:
    """Lower every load on a limit that does not hold to its share; return those lowered.

    A minimum on time or a spent budget of cycles keeps nobody on here: shedding is always allowed (faults.md E6). A cut
    that is overdue no longer counts: the others make it again, beside what that load draws.
    """
    lowered = set()
    shares: Sequence[Share] = scene.cut_shares
    wants, fixed = [replace(want, first=False) for want in scene.party.wants], scene.party.fixed
    if any(want.first for want in scene.party.wants):
        shares = allocate(scene.plan, scene.party.loads, scene.cut_caps, (wants, fixed))
    overdue, others = _overdue_ma(scene), shares
    if overdue:
        wants = [want for want in wants if want.index not in overdue]
        others = allocate(scene.plan, scene.party.loads, scene.cut_caps, (wants, (*fixed, *overdue.items())))
    for load in scene.party.loads:
        if load.index in scene.party.lost:
            continue
        share_ma = (shares if load.index in overdue else others)[load.index].given_ma
        if share_ma < after[load.index] and _touches_broken(board, load):
            after[load.index] = share_ma
            lowered.add(load.index)
    return lowered


def _overdue_ma(scene: Scene) -> dict[int, int]:
    """Return what each load may draw that was lowered and has not come down in time, mA per line, by index."""
    beyond = dict(scene.party.beyond)
    found = {}
    for load in scene.party.loads:
        memory = scene.memory.loads[load.name]
        if len(memory.history) < 2 or load.index in beyond:
            continue
        most_ma, followed = max(scene.draws[load.index].high), followed_ma(memory, _grid_s(scene))
        was_lowered = any(command.setpoint_ma > followed for command in memory.history)
        if was_lowered and most_ma > followed + memory.over_ma:
            found[load.index] = most_ma
    return found


def _grid_s(scene: Scene) -> float:
    """Return when the grid was read."""
    return scene.now_s - (scene.grid.age_s or 0.0)


def _touches_broken(board: Board, load: PlannedLoad) -> bool:
    if any(board.nodes[slot] < 0 for slot in load.slots):
        return True
    if any(board.hard[mask] < 0 for mask in board.active if mask & load.mask):
        return True
    return any(not limit.holds(board.counted, board.on_mask) for limit, _ in board.caps.bent)


def _broken(scene: Scene, board: Board) -> set[str]:
    """Return the names of the limits that do not hold."""
    names = set()
    for slot, residual in enumerate(board.nodes):
        if residual < 0:
            names.add(f"{scene.plan.nodes[slot // 3].kind} {scene.plan.nodes[slot // 3].name}")
    for mask in board.active:
        if board.hard[mask] < 0:
            bound = board.caps.hard_bound[mask]
            names.update([f"breaker {bound.phase}"] if bound.kind == "breaker" else [bound.kind])
    if any(not limit.holds(board.counted, board.on_mask) for limit, _ in board.caps.bent):
        names.update(f"breaker {PHASES[phase]}" for phase in MASK_PHASES[scene.plan.site_mask])
    return names


def _ratio(scene: Scene, name: str, board: Board) -> float:
    """Return how far a limit is exceeded as measured: 1.0 is just at it."""
    plan, current = scene.plan, scene.grid.current_ma
    if name.startswith("breaker ") and plan.limit_ma:
        return current[PHASES.index(name.removeprefix("breaker "))] / plan.limit_ma
    if name == "import" and plan.import_ma:
        return sum(max(0, value) for value in current) / plan.import_ma
    for index, node in enumerate(plan.nodes):
        if name == f"{node.kind} {node.name}":
            least = min(board.nodes[index * 3 : index * 3 + 3])
            return (node.limit_ma - least) / node.limit_ma
    return 1.0


def _is_fast(scene: Scene, name: str) -> bool:
    """Tell whether a breaker is above 1.13 of its rating as measured; what is no breaker of the meter's always is."""
    if not name.startswith("breaker ") or scene.plan.breaker_ma is None:
        return True
    phase = PHASES.index(name.removeprefix("breaker "))
    return scene.grid.current_ma[phase] > FAST_RATIO * scene.plan.breaker_ma


def _drop_at_twice(scene: Scene, after: list[int]) -> set[int]:
    """At twice the breaker's rating every controllable load on the phase goes to 0 in the first step."""
    breaker_ma = scene.plan.breaker_ma
    if breaker_ma is None or max(scene.grid.current_ma) < 2 * breaker_ma:
        return set()
    mask = sum(1 << phase for phase in range(3) if scene.grid.current_ma[phase] >= 2 * breaker_ma)
    dropped = {
        load.index
        for load in scene.party.loads
        if load.mask & mask and after[load.index] > 0 and load.index not in scene.party.lost
    }
    for index in dropped:
        after[index] = 0
    return dropped


def _lower_sources(scene: Scene, after: list[int], board: Board) -> frozenset[int]:
    """Follow sources down, end what no longer takes part, and make room where both beliefs and the hold allow.

    `board` holds the setpoints of `after`. Return the loads whose source is a little short: a battery needs a second or
    two to answer a raise, so a shortage of up to `SHORT_MA` must last `SHORT_S`; a larger one lowers at once.
    """
    short = set()
    beyond = dict(scene.party.beyond)
    room_makers: dict[int, int] = {}
    for load in scene.party.loads:
        now_ma = after[load.index]
        if not now_ma:
            continue
        if load.index in beyond:
            after[load.index] = min(now_ma, beyond[load.index])
            continue
        cut, rise = scene.cut_shares[load.index], scene.raise_shares[load.index]
        short_ma = _shortage_ma(board, load, now_ma)
        if short_ma > 0:
            short.add(load.index)
        if cut.given_ma >= now_ma:
            continue
        if cut.rule == "idle" or _is_ruled_out(cut):
            after[load.index] = cut.given_ma
        elif short_ma > 0:
            since_s = scene.memory.loads[load.name].short_s
            if short_ma > SHORT_MA or (since_s is not None and scene.now_s - since_s >= SHORT_S):
                after[load.index] = cut.given_ma
        elif rise.given_ma < now_ma and scene.now_s >= hold_until_s(scene.plan, load, scene.memory):
            room_makers[load.index] = max(cut.given_ma, rise.given_ma)
    for index, lower_ma in _that_last(scene, after, room_makers).items():
        after[index] = lower_ma
    return frozenset(short)


def _that_last(scene: Scene, after: Sequence[int], room_makers: dict[int, int]) -> dict[int, int]:
    """Return the cuts for others' sake whose room does not vanish with them: once the loads are lowered, the battery
    discharges less, and whoever the room is for must still fit."""
    discharge_ma = sum(scene.around.discharge_ma)
    if not room_makers or discharge_ma <= 0:
        return room_makers
    between = [room_makers.get(index, now_ma) for index, now_ma in enumerate(after)]
    lines = [len(load.phases) for load in scene.party.loads]
    needed_ma = sum(scene.around.base_ma) + sum(each * count for each, count in zip(between, lines, strict=True))
    left_ma = min(discharge_ma, max(0, needed_ma))
    each_ma = [left_ma * part // discharge_ma for part in scene.around.discharge_ma]
    around = replace(scene.around, discharge_ma=(each_ma[0], each_ma[1], each_ma[2]))
    asked = (scene.party.wants, scene.party.fixed)
    shares = allocate(scene.plan, scene.party.loads, caps_for(scene.plan, around), asked)
    return {
        index: max(lower_ma, shares[index].given_ma)
        for index, lower_ma in room_makers.items()
        if shares[index].given_ma < after[index]
    }


def _is_ruled_out(cut: Share) -> bool:
    """Tell whether the load's own limit or the battery's rule allows less, whatever there is."""
    return cut.bound is not None and cut.bound.kind in ("load", "battery")


def _shortage_ma(board: Board, load: PlannedLoad, now_ma: int) -> int:
    """Return by how much the load has more than its source gives, mA per line, whatever others may want; ≤ 0: not."""
    if load.urgency == 0 or (load.urgency == 1 and now_ma <= load.min_ma):
        return 0
    if load.urgency == 3 and not board.caps.battery_full:
        return -min(board.excess_room(load, 0), board.guard_room(load, 0))
    return -board.surplus_room(load, 0)


def remembered(scene: Scene, cut: Cut) -> Memory:
    """Return the memory with the holds that this cut starts."""
    now_s = scene.now_s
    limits = remembered_limits(scene.memory.limits, now_s)
    for name in cut.overloaded:
        limits[name] = overloaded_limit(limits.get(name), now_s, counts=name in cut.counted)
    if limits and scene.grid.health == "normal":
        with_peaks(scene.plan, limits, _bases_ma(scene), now_s)
    loads = dict(scene.memory.loads)
    for load in scene.plan.loads:
        known = loads[load.name]
        if load.index in cut.hard:
            counts = bool(cut.counted) and not cut.counted.isdisjoint(limit_names(scene.plan, load))
            changed = with_cut(known, now_s, counts=counts)
        else:
            changed = with_quiet(known, now_s)
        if (load.index in cut.short) != (changed.short_s is not None):
            changed = replace(changed, short_s=now_s if load.index in cut.short else None)
        if changed is not known:
            loads[load.name] = changed
    return replace(scene.memory, limits=limits, loads=loads)


def _bases_ma(scene: Scene) -> list[int | None]:
    """Return what is drawn beside the loads on each phase, as cuts see it, mA; None where the breaker does not say."""
    limit_ma, caps = scene.plan.limit_ma, scene.cut_caps
    if limit_ma is None or scene.plan.inverter.asymmetric:
        return [None, None, None]
    masks = (1, 2, 4)
    return [limit_ma - caps.hard_ma[mask] if caps.hard_bound[mask].kind == "breaker" else None for mask in masks]
