"""One and three phases: what the site file says of a station that can charge on one line or on all. Pure."""

from typing import Annotated

from msgspec import Meta

from evenload.contracts.phases import Phase
from evenload.site.section import Section

DWELL_S = 600.0


class PhaseSwitching(Section, frozen=True, kw_only=True):
    """A station that charges on one of its lines, or on all, as it is told (`numberPhases` of OCPP)."""

    line: Annotated[
        Phase | None, Meta(description="site phase of the one line; asked of 2.x stations; none = the load's first")
    ] = None
    down_after_s: Annotated[
        float, Meta(ge=30, le=3600, description="to one line when only that has had its minimum for so long, s")
    ] = 120.0
    up_after_s: Annotated[
        float, Meta(ge=30, le=3600, description="to all lines when these have had their minimum for so long, s")
    ] = 300.0
    dwell_s: Annotated[float, Meta(ge=DWELL_S, le=86_400, description="from one switch to the next at least, s")] = (
        DWELL_S
    )
    per_day: Annotated[int, Meta(ge=1, le=100, description="budget of switches in 24 h")] = 10
