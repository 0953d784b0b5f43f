"""A breaker is a thermal integral, not a threshold (faults.md section 1; points of IEC 60898-1). Pure.

With r = I/In the heat θ follows dθ/dt = (r² − θ)/300 s: 1 at the rating for long, r² in the end. 1.277 = 1.13² is what
a breaker bears for an hour; 1.45 · In trips it within one.
"""

import math

THERMAL_S = 300.0
THERMAL_LIMIT = 1.277
BORNE_RATIO = 1.13


def heat_after(heat_ratio: float, ratio: float, passed_s: float) -> float:
    """Return θ after `passed_s` at `ratio` = I/In."""
    return ratio**2 + (heat_ratio - ratio**2) * math.exp(-passed_s / THERMAL_S)
