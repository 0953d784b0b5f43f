"""From a level to the number that a device takes, and back. Pure."""

from services.plug_control.raw import scaled

TOLERANCE_W, TOLERANCE_RATIO = 5.0, 0.01
"""What a device says that it is set to may be rounded by so much."""


def shown(power_w: float, scale: float) -> str:
    """Return the number that means `power_w`: whole where it is whole."""
    return f"{round(power_w * scale, 3):g}"


def level_said(levels_w: tuple[float, ...], said: object, scale: float) -> int | None:
    """Return the level whose power a device says that it is set to; None when it says none of them."""
    power_w = scaled(said, 1.0 / scale)
    if power_w is None:
        return None
    level = min(range(len(levels_w)), key=lambda each: abs(levels_w[each] - power_w))
    within = abs(levels_w[level] - power_w) <= max(TOLERANCE_W, TOLERANCE_RATIO * levels_w[level])
    return level if within else None
