"""Weekly windows that set a load's values: in the site file, in commands, and as kept."""

from typing import Annotated

from msgspec import Meta, Struct

from evenload.contracts.events import Mode
from evenload.contracts.units import Amps, Celsius


class ScheduleWindow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One weekly window and what it sets. Unknown keys are refused: half a window is not what was meant."""

    when: Annotated[
        str,
        Meta(
            max_length=100,
            description="days and times in the site's time zone, as `mon-fri 22:00-06:00`; days alone are whole days, "
            "times alone are every day, an end before its start is on the next day",
        ),
    ]
    mode: Annotated[Mode | None, Meta(description="mode within the window; none = leaves it")] = None
    max_a: Annotated[
        Amps | None, Meta(description="highest current within the window, A per line, at most the load's own")
    ] = None
    target_c: Annotated[Celsius | None, Meta(description="target temperature within the window, °C")] = None
