"""What must be done by a time: in the site file, in commands, and as kept."""

from typing import Annotated

from msgspec import Meta, Struct

from evenload.contracts.units import Celsius, Name, Percent, WattHours


class Need(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One amount and its deadline: exactly one of energy_wh, soc_pct and target_c. Unknown keys are refused."""

    by: Annotated[
        str,
        Meta(
            max_length=100,
            description="deadline in the site's time zone: `mon-fri 07:00` repeats, `2026-06-01T07:00` is once",
        ),
    ]
    energy_wh: Annotated[
        WattHours | None, Meta(description="energy since the deadline before, Wh; once: since it was asked for")
    ] = None
    soc_pct: Annotated[
        Percent | None, Meta(description="state of charge of its vehicle, %; needs battery_wh and a vehicle meter")
    ] = None
    target_c: Annotated[Celsius | None, Meta(description="temperature of the tank or room, °C")] = None
    battery_wh: Annotated[WattHours | None, Meta(description="size of the vehicle's battery, Wh, for soc_pct")] = None
    meter: Annotated[
        Name | None,
        Meta(description="meter of role vehicle or temperature that shows it; none = the load itself, or the only one"),
    ] = None
