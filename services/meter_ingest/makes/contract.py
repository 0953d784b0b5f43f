"""What a make's table says: where each value stands for each role, in our units and signs, and what the device bears.

Values are named as in `ValueFields`; their texts are read by `registers.py`. A new make is one file here, one row in
`makes/table.py`, one in `evenload/site/drivers.py`, and a golden dump beside the emulator.
"""

from collections.abc import Mapping

from msgspec import Struct

from evenload.contracts.events import MeterRole

Registers = Mapping[str, str]


class Make(Struct, frozen=True, kw_only=True):
    """One make."""

    title: str
    """Models, for people."""
    roles: Mapping[MeterRole, Registers]
    port: int = 502
    udp_port: int = 0
    """Of its dongle; 0 = it has none that is known."""
    unit: int = 1
    connect_pause_s: float = 0.0
    """After connecting, before the first question."""
    pause_s: float = 0.0
    """After each answer."""
    fastest_s: float = 1.0
    """The shortest period that brings new values and that the device bears."""
    most_between: int = 8
    """Unwanted registers that are read along rather than asking twice."""
    unsigned_current: bool = False
    """Its currents have no direction; they take it from the power."""
    caveats: tuple[str, ...] = ()
