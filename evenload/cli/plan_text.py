"""A load's plan in words: how far it is, when it is guaranteed, and by how much it falls short. Pure."""

from datetime import datetime, tzinfo

from evenload.contracts.plan_events import LoadPlan

LATER = "%a %H:%M"


def plan_line(plan: LoadPlan, zone: tzinfo | None) -> str:
    """Return a plan in one line, times in the site's zone (None = this machine's); empty for a load without one."""
    if plan.ready_at is None:
        return ""
    parts = [f"{plan.need}: {_progress(plan)}"]
    if plan.short_wh > 0.0:
        ready = f"{plan.ready_at.astimezone(zone):{LATER}}"
        parts.append(f"CANNOT BE MET: {plan.short_wh / 1000:.1f} kWh will be missing at {ready}")
    spans = guaranteed(plan, zone)
    if spans:
        parts.append(f"guaranteed {', '.join(spans[:4])}{', …' if len(spans) > 4 else ''}")
    if plan.cost is not None:
        parts.append(f"costs {plan.cost:.2f}")
    if plan.why:
        parts.append(plan.why)
    return "; ".join(parts)


def progress(plan: LoadPlan, zone: tzinfo | None) -> str:
    """Return in few words how far a plan is and until when."""
    if plan.ready_at is None:
        return ""
    return f"{_progress(plan)} until {plan.ready_at.astimezone(zone):{LATER}}"


def _progress(plan: LoadPlan) -> str:
    if plan.missing_wh is None:
        return "not known how much is missing"
    if plan.missing_wh <= 0.0:
        return "done"
    return f"{plan.missing_wh / 1000:.1f} kWh to go"


def guaranteed(plan: LoadPlan, zone: tzinfo | None) -> list[str]:
    """Return the spans of time that are guaranteed, as `Mon 00:15-03:30 16 A`; equal slots are one span."""
    spans: list[tuple[datetime, datetime, float]] = []
    ends = [*(slot.starts_at for slot in plan.slots[1:]), plan.ends_at]
    for slot, end in zip(plan.slots, ends, strict=False):
        if slot.guaranteed_a <= 0.0 or end is None:
            continue
        if spans and spans[-1][1] == slot.starts_at and spans[-1][2] == slot.guaranteed_a:
            spans[-1] = (spans[-1][0], end, slot.guaranteed_a)
        else:
            spans.append((slot.starts_at, end, slot.guaranteed_a))
    return [f"{begin.astimezone(zone):{LATER}}-{end.astimezone(zone):%H:%M} {amps:g} A" for begin, end, amps in spans]
