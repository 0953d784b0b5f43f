"""Site phases and values per phase.

Site phases are L1, L2, L3 (IEC 60445). A value per phase is always a `PerPhase`, never a dict or a bare tuple,
so that a missing phase (`None`) cannot be mistaken for zero.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

Phase = Literal["L1", "L2", "L3"]
PHASES: tuple[Phase, Phase, Phase] = ("L1", "L2", "L3")


class PerPhase(msgspec.Struct, frozen=True, omit_defaults=True):
    """One number for each phase; `None` where the site lacks the phase or the value was not read."""

    l1: float | None = None
    l2: float | None = None
    l3: float | None = None

    def get(self, phase: Phase) -> float | None:
        """Return the value on `phase`, or None."""
        return (self.l1, self.l2, self.l3)[PHASES.index(phase)]

    def items(self) -> Iterator[tuple[Phase, float]]:
        """Yield (phase, value) of the phases that have a value, in the order L1 L2 L3."""
        for phase, value in zip(PHASES, (self.l1, self.l2, self.l3), strict=True):
            if value is not None:
                yield phase, value

    def total(self) -> float | None:
        """Return the sum over the phases that have a value; None when none has."""
        values = [value for _, value in self.items()]
        return sum(values) if values else None

    @classmethod
    def of(cls, values: Mapping[Phase, float | None] | Iterable[tuple[Phase, float | None]]) -> "PerPhase":
        """Build from a mapping or pairs phase → value; phases not named are None."""
        found = dict(values)
        return cls(found.get("L1"), found.get("L2"), found.get("L3"))
