"""Which facts may not wait for their site's turn: those that show a limit passed. Pure."""

from evenload.contracts.events import MeterReading
from services.allocator.belief import grid_currents
from services.allocator.plan import MA, Plan


def presses(plan: Plan, reading: MeterReading) -> bool:
    """Tell whether a reading shows more than a breaker less its margin, an import limit or a circuit bears.

    A reading that is doubted presses like any other: what is decided on it is the engine's to say.
    """
    if reading.role == "grid":
        current_ma, _ = grid_currents(plan, reading)
        if plan.limit_ma is not None and max(current_ma) > plan.limit_ma:
            return True
        return plan.import_ma is not None and sum(max(0, each) for each in current_ma) > plan.import_ma
    limits_ma = [node.limit_ma for node in plan.nodes if node.meter == reading.meter]
    if not limits_ma or reading.current_a is None:
        return False
    most_a = max((current_a for _, current_a in reading.current_a.items()), default=0.0)
    return most_a * MA > min(limits_ma)
