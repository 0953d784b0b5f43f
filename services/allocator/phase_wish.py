"""Which loads would rather use one line, or all: what the joint decision would give them on either. Pure.

One line is wished while it has its minimum from the load's source and all lines have not; all lines while they have
theirs. A load that takes its minimum from any source is asked as if it lived from the sun alone. A wish that has lasted
(`down_after_s`, `up_after_s`) begins a switch, `dwell_s` after the last one and within the budget of the day.
"""

from msgspec.structs import replace

from services.allocator.cuts import Scene
from services.allocator.facts import Facts
from services.allocator.memory import Choice, LoadMemory, Memory
from services.allocator.plan import MASK_SIZE, PlannedLoad
from services.allocator.share import allocate
from services.allocator.sources import Want
from services.allocator.watch import ACTIVE


def preferred(scene: Scene, facts: Facts) -> Memory:
    """Return the memory with what each load would rather use, and with the switches that are due begun."""
    loads = dict(scene.memory.loads)
    for load in scene.plan.loads:
        known = loads[load.name]
        if load.switching is None or known.choice is None or known.choice.stage != "steady":
            continue
        wished = _wished(scene, load, facts) if _may_switch(scene, load, known, facts) else (False, False)
        loads[load.name] = replace(known, choice=_begun(load, known.choice, wished, scene.now_s))
    return replace(scene.memory, loads=loads)


def _may_switch(scene: Scene, load: PlannedLoad, memory: LoadMemory, facts: Facts) -> bool:
    """Tell whether the load is one whose lines could be chosen now: a vehicle on all of them, obedient, facts fresh."""
    choice, heard = memory.choice, facts.loads.get(load.name)
    assert choice is not None
    if heard is None or scene.grid.health != "normal" or choice.failed_s is not None or load.mode == "off":
        return False
    beyond = any(load.index == index for index, _ in scene.party.beyond)
    if beyond or heard.event.status not in ACTIVE or load.index in scene.party.idle:
        return False
    on_one_line = choice.lines > 1 and MASK_SIZE[memory.mask] == 1
    return not on_one_line


def _wished(scene: Scene, load: PlannedLoad, facts: Facts) -> tuple[bool, bool]:
    """Return whether only one line has its minimum, and whether all lines have it."""
    choice = scene.memory.loads[load.name].choice
    assert choice is not None
    every = sum(1 << phase for phase in load.phases)
    fits_all = _given_ma(scene, load, every) >= load.min_ma
    if choice.lines == 1:
        return False, fits_all
    return not fits_all and _given_ma(scene, load, 1 << choice.line) >= load.min_ma, False


def _given_ma(scene: Scene, load: PlannedLoad, mask: int) -> int:
    """Return what the load would be given on these lines, without grace; from the sun alone where it follows it."""
    phases = tuple(phase for phase in load.phases if mask >> phase & 1)
    slots = tuple(node * 3 + phase for node in load.nodes for phase in phases)
    image = replace(load, mask=mask, phases=phases, slots=slots)
    if load.urgency == 1:
        image = replace(image, mode="solar_only", urgency=2)
    loads = tuple(image if each.index == load.index else each for each in scene.party.loads)
    wants = [want for want in scene.party.wants if want.index != load.index]
    place = sum(_before(loads[want.index], image) for want in wants)
    wants.insert(place, Want(load.index, load.max_ma))
    return allocate(scene.plan, loads, scene.raise_caps, (wants, scene.party.fixed))[load.index].given_ma


def _before(other: PlannedLoad, load: PlannedLoad) -> bool:
    return (other.urgency, other.priority, other.name) < (load.urgency, load.priority, load.name)


def _begun(load: PlannedLoad, choice: Choice, wished: tuple[bool, bool], now_s: float) -> Choice:
    fewer, more = wished
    fewer_s = (choice.fewer_s if choice.fewer_s is not None else now_s) if fewer else None
    more_s = (choice.more_s if choice.more_s is not None else now_s) if more else None
    if (fewer_s, more_s) != (choice.fewer_s, choice.more_s):
        choice = replace(choice, fewer_s=fewer_s, more_s=more_s)
    terms = load.switching
    assert terms is not None
    if now_s - choice.stage_s < terms.dwell_s or len(choice.switches_s) >= terms.per_day:
        return choice
    down = fewer_s is not None and now_s - fewer_s >= terms.down_after_s
    up = more_s is not None and now_s - more_s >= terms.up_after_s
    if not down and not up:
        return choice
    return replace(choice, stage="pausing", stage_s=now_s, aim=1 if down else len(load.phases))
