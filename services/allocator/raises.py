"""Up with care: which loads may rise now, and how far.

A rise waits for the hold of every limit above the load (`holds`), begins when the target is 0.3 A or more above the
command or has been above it for 30 s, and then goes on at 0.1 A/s, in modes that live from surplus at 0.3 A/s. Soon
after an overload it returns in one step as far as the house's return would only trim it. A start to the minimum is not
ramped. What has been raised and not yet been measured is bounded per phase. Every rise is checked against all commands
in force, so that one which depends on a cut waits until the cut is measured.
"""

from msgspec import Struct
from msgspec.structs import replace

from services.allocator.board import Board
from services.allocator.cuts import Cut, Scene, settled_board
from services.allocator.draws import SETTLE_S, lowered_s
from services.allocator.facts import Facts
from services.allocator.holds import hold_until_s, start_survives, survived_from_s, survived_room_ma
from services.allocator.limits import unseen_limits
from services.allocator.memory import LoadMemory
from services.allocator.phase_choice import is_proving
from services.allocator.plan import STEP_MA, PlannedLoad
from services.allocator.promised import Pending
from services.allocator.sources import Want, may_start, room_now

BEGIN_MA = 300
BEGIN_S = 30.0
TRIMMED_S, TRIMMED_BEGIN_MA = 60.0, 2000
"""After a trim at a limit only a clear difference lets rise at once: noise and whole amperes at the limit must not."""
RAMP_MA_PER_S, QUICK_MA_PER_S, AT_ONCE_MA_PER_S = 100, 300, 10**6
RETURN_S = 40.0
"""For so long after the first hold a load returns in one step to what the house's return would only trim."""
HEARD_ALL_S = 15.0


class Rise(Struct, frozen=True, kw_only=True):
    """One load after its turn to rise: its command, its memory, and what it waits for."""

    setpoint_ma: int
    memory: LoadMemory
    waits: str = ""
    until_s: float | None = None


def raises(scene: Scene, cut: Cut, told: tuple[Facts, Pending]) -> tuple[Rise, ...]:
    """Return each load's command after those who may have risen, by index."""
    plan, (facts, pending) = scene.plan, told
    found = [
        Rise(setpoint_ma=cut.setpoints_ma[load.index], memory=scene.memory.loads[load.name]) for load in plan.loads
    ]
    blocked = _blocked(scene, facts)
    board: Board | None = None
    for want in scene.party.wants:
        now_ma = cut.setpoints_ma[want.index]
        target_ma = scene.raise_shares[want.index].given_ma
        if target_ma <= now_ma:
            found[want.index] = _stays(scene, want, now_ma)
            continue
        board = board or _board(scene, cut)
        found[want.index] = _rise(scene, (board, pending), want, (now_ma, target_ma, blocked))
    for index, rise in enumerate(found):
        was_ma = scene.memory.loads[plan.loads[index].name].setpoint_ma
        if rise.setpoint_ma < was_ma:
            found[index] = replace(rise, memory=replace(rise.memory, ramp_s=None, above_s=None))
    return tuple(found)


def _board(scene: Scene, cut: Cut) -> Board:
    """Return the board that rises are placed on: with all that may be drawn now."""
    held_ma = [_held_ma(scene, load, cut.setpoints_ma[load.index]) for load in scene.plan.loads]
    board = settled_board(scene, held_ma, raising=True)
    _reserve_draws(scene, held_ma, board)
    return board


def _stays(scene: Scene, want: Want, now_ma: int) -> Rise:
    """Return the load as it is, with its rise ended, or at rest while only raises see less for it."""
    memory = scene.memory.loads[scene.plan.loads[want.index].name]
    if memory.ramp_s is None or scene.cut_shares[want.index].given_ma <= now_ma:
        return Rise(setpoint_ma=now_ma, memory=_ended(memory))
    return Rise(setpoint_ma=now_ma, memory=replace(memory, ramp_s=scene.now_s), waits="ramp")


def _blocked(scene: Scene, facts: Facts) -> str:
    """Return why nothing may rise now; empty when it may."""
    if scene.grid.health != "normal":
        return "waits for the grid meter"
    unheard = [load.name for load in scene.plan.loads if load.name not in facts.loads]
    started_s = scene.memory.started_s
    if unheard and started_s is not None and scene.now_s - started_s < HEARD_ALL_S:
        return "waits to hear all loads"
    return ""


def _held_ma(scene: Scene, load: PlannedLoad, setpoint_ma: int) -> int:
    """Return the most that a load may draw now: its newest command, or what its device still holds."""
    in_force_ma = scene.memory.loads[load.name].in_force_ma
    if in_force_ma is None or load.index in scene.party.idle:
        return setpoint_ma
    return max(setpoint_ma, in_force_ma)


def _reserve_draws(scene: Scene, held_ma: list[int], board: Board) -> None:
    """Below unmetered breakers a cut counts only once it is measured: reserve what may still be drawn."""
    beyond = dict(scene.party.beyond)
    for load in scene.party.loads:
        counted_ma = max(held_ma[load.index], beyond.get(load.index, 0))
        for slot in load.slots:
            still_ma = scene.draws[load.index].high[slot % 3] - counted_ma
            if still_ma > 0 and scene.plan.nodes[slot // 3].meter is None:
                board.nodes[slot] -= still_ma


def _rise(scene: Scene, tables: tuple[Board, Pending], want: Want, aim: tuple[int, int, str]) -> Rise:
    now_ma, target_ma, blocked = aim
    load = scene.party.loads[want.index]
    memory = scene.memory.loads[load.name]
    if memory.above_s is None:
        memory = replace(memory, above_s=scene.now_s)
    if blocked:
        return Rise(setpoint_ma=now_ma, memory=replace(memory, ramp_s=None), waits=blocked)
    if _overloaded(scene, load):
        return Rise(setpoint_ma=now_ma, memory=replace(memory, ramp_s=None), waits="waits for the overload to end")
    hold_s = hold_until_s(scene.plan, load, scene.memory)
    settled_s = lowered_s(memory) + SETTLE_S
    survived_ma, returns = now_ma, False
    if scene.memory.limits:
        survived_ma, returns = _survived(scene, tables[0], want, (now_ma, target_ma))
    until_s = settled_s if survived_ma > now_ma else max(hold_s, settled_s)
    if scene.now_s < until_s:
        return Rise(setpoint_ma=now_ma, memory=replace(memory, ramp_s=None), waits="hold", until_s=until_s)
    if now_ma == 0:
        return _start(scene, tables, want, memory)
    if survived_ma > now_ma and (returns or scene.now_s < hold_s):
        target_ma = survived_ma
    pace_ma_per_s = _pace_ma_per_s(load, returns=returns and survived_ma > now_ma)
    return _ramp(scene, tables, load, (now_ma, target_ma, memory, pace_ma_per_s))


def _survived(scene: Scene, board: Board, want: Want, aim: tuple[int, int]) -> tuple[int, bool]:
    """Return how far a load may rise although the hold is not over, mA: to what the return of the remembered peaks of
    the house would only trim; and whether it returns there in one step, because the last cut is not long ago."""
    now_ma, target_ma = aim
    load, memory = scene.party.loads[want.index], scene.memory
    from_s = survived_from_s(scene.plan, load, memory)
    if scene.plan.breaker_ma is None or scene.now_s < from_s:
        return now_ma, False
    room_ma = survived_room_ma(scene.plan, load, memory, board.counted)
    if now_ma:
        most_ma = min(target_ma, now_ma + max(0, room_ma) // STEP_MA * STEP_MA)
        return most_ma, scene.now_s - from_s < RETURN_S
    least_ma = load.min_ma + want.reserve_ma
    starts = room_ma >= least_ma and start_survives(scene.plan, load, memory, (board.counted, least_ma))
    return (load.min_ma if starts else 0), False


def _overloaded(scene: Scene, load: PlannedLoad) -> bool:
    """Tell whether a phase of the load is over its limit as read: nothing is added there, whatever is believed."""
    limit_ma = scene.plan.limit_ma
    return limit_ma is not None and any(scene.grid.current_ma[phase] > limit_ma for phase in load.phases)


def _ended(memory: LoadMemory) -> LoadMemory:
    if memory.ramp_s is None and memory.above_s is None:
        return memory
    return replace(memory, ramp_s=None, above_s=None)


def _start(scene: Scene, tables: tuple[Board, Pending], want: Want, memory: LoadMemory) -> Rise:
    """Switch on at the minimum, when the budget of cycles, the unmeasured raises and all limits let it."""
    board, pending = tables
    load = scene.party.loads[want.index]
    if len(memory.starts_s) >= load.cycles_per_h:
        return Rise(setpoint_ma=0, memory=memory, waits="cycles", until_s=memory.starts_s[0] + 3600.0)
    if not pending.lets_start(load):
        return Rise(setpoint_ma=0, memory=memory, waits="waits for raises to be measured")
    if not may_start(board, want) or not _fits_unseen(scene, board, load, load.min_ma + want.reserve_ma):
        return Rise(setpoint_ma=0, memory=memory, waits="waits for room to be measured")
    if is_proving(memory) and not board.holds():
        return Rise(setpoint_ma=0, memory=memory, waits="waits for room to be measured")
    board.settle(load, load.min_ma, want.reserve_ma)
    pending.add(load, load.min_ma)
    started = replace(memory, starts_s=(*memory.starts_s[-31:], scene.now_s), raised_s=scene.now_s, ramp_s=None)
    return Rise(setpoint_ma=load.min_ma, memory=started)


def _fits_unseen(scene: Scene, board: Board, load: PlannedLoad, current_ma: int) -> bool:
    """Tell whether a start keeps the breaker under every household that may be behind an asymmetric inverter: what it
    covers on one phase is laid bare when the load takes of it. A rise is slow enough to show in the readings."""
    limits = unseen_limits(scene.plan, scene.around)
    if not limits:
        return True
    used_ma = [board.counted[phase] + (current_ma if phase in load.phases else 0) for phase in range(3)]
    return all(limit.holds(used_ma, board.on_mask) for limit in limits)


def _pace_ma_per_s(load: PlannedLoad, *, returns: bool) -> int:
    """Return how fast a load rises: slowly where a raise that was wrong overloads, faster where it only imports."""
    if returns:
        return AT_ONCE_MA_PER_S
    return QUICK_MA_PER_S if load.urgency else RAMP_MA_PER_S


def _ramp(
    scene: Scene, tables: tuple[Board, Pending], load: PlannedLoad, aim: tuple[int, int, LoadMemory, int]
) -> Rise:
    board, pending = tables
    now_ma, target_ma, memory, pace_ma_per_s = aim
    assert memory.above_s is not None
    if memory.ramp_s is None:
        trimmed = scene.now_s - memory.cut_s < TRIMMED_S
        at_once_ma = TRIMMED_BEGIN_MA if trimmed else BEGIN_MA
        begins_s = scene.now_s if target_ma - now_ma >= at_once_ma else memory.above_s + BEGIN_S
        if scene.now_s < begins_s:
            return Rise(setpoint_ma=now_ma, memory=memory, waits="dead band", until_s=begins_s)
        memory = replace(memory, ramp_s=scene.now_s - STEP_MA / RAMP_MA_PER_S)
    assert memory.ramp_s is not None
    steps = int((scene.now_s - memory.ramp_s) * pace_ma_per_s / STEP_MA + 1e-6)
    want_ma = min(target_ma - now_ma, steps * STEP_MA)
    bounded_ma = min(want_ma, pending.room_ma(load))
    room_ma = room_now(board, load, bounded_ma) if bounded_ma >= STEP_MA else 0
    step_s = STEP_MA / min(pace_ma_per_s, QUICK_MA_PER_S)
    if steps <= 0:
        return Rise(setpoint_ma=now_ma, memory=memory, waits="ramp", until_s=memory.ramp_s + step_s)
    ramp_s = memory.ramp_s + steps * STEP_MA / pace_ma_per_s
    if room_ma < STEP_MA:
        held = replace(memory, ramp_s=ramp_s)
        return Rise(setpoint_ma=now_ma, memory=held, waits="waits for room to be measured", until_s=scene.now_s + 1.0)
    board.settle(load, room_ma, 0)
    pending.add(load, room_ma)
    raised = replace(memory, ramp_s=ramp_s, raised_s=scene.now_s)
    return Rise(setpoint_ma=now_ma + room_ma, memory=raised, waits="ramp", until_s=ramp_s + step_s)
