"""What a plug's load really draws: the mean of its last readings while it draws. Pure."""

from statistics import fmean

READINGS = 5
DRAWING_W = 10.0
"""Less is standby."""
OFF_BY_RATIO, OFF_BY_W = 0.15, 50.0
"""A rating that is wrong by more than both should be corrected."""


def learn(drawn_w: tuple[float, ...], power_w: float | None) -> tuple[float, ...]:
    """Return the last readings with `power_w` among them, W; None and standby change nothing."""
    if power_w is None or power_w <= DRAWING_W:
        return drawn_w
    return (*drawn_w, power_w)[-READINGS:]


def learned_w(drawn_w: tuple[float, ...]) -> float | None:
    """Return the mean, W; None until there are enough readings."""
    return round(fmean(drawn_w), 1) if len(drawn_w) == READINGS else None


def exceeds_rating(drawn_w: tuple[float, ...], rated_w: float) -> bool:
    """Tell whether the load draws so much more than its rating that too little is kept free for it."""
    mean_w = learned_w(drawn_w)
    return mean_w is not None and mean_w - rated_w > max(OFF_BY_W, OFF_BY_RATIO * rated_w)
