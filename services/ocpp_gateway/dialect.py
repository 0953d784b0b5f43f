"""What one OCPP version brings: its subprotocol, what it does with a station's calls, and what it calls for.

A further version is a further file with the same functions and a line in `DIALECTS`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Raw, Struct
from msgspec.structs import replace

from services.ocpp_gateway import asking, calls16, calls201, ocpp16, ocpp21, ocpp201, transactions16
from services.ocpp_gateway.asking import Asked, Unfit
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.station import Flight, Moment, Output, Station
from services.ocpp_gateway.transactions16 import Handled


class Dialect(Struct, frozen=True, kw_only=True):
    """The functions of one OCPP version; all pure.

    `stored_first` tells whether a call's events are stored before it is answered; `takes_id` is the action that gets a
    transaction id from us, noted by `note`; `ask` makes an operator's call right; `on_notice` takes
    what wants no answer, None = it is not known.
    """

    version: str
    subprotocol: str
    on_call: Callable[[Station, str, Raw, Moment], Handled]
    next_call: Callable[[Station, Moment], tuple[Station, Flight | None]]
    on_answer: Callable[[Station, Flight, Answer, float], tuple[Station, list[Output]]]
    wake_in_s: Callable[[Station, float], float]
    note: Callable[[Station, Raw, Moment], tuple[Station, bool]]
    actions: frozenset[str]
    takes_id: str
    stored_first: Callable[[str, Raw], bool]
    ask: Callable[[Station, str, dict[str, Any]], Asked | Unfit]
    on_notice: Callable[[Station, str, Raw, Moment], Handled | None] = lambda station, action, payload, moment: None


OCPP16: Final = Dialect(
    version="1.6",
    subprotocol=ocpp16.SUBPROTOCOL,
    on_call=ocpp16.on_call,
    next_call=calls16.next_call,
    on_answer=calls16.on_answer,
    wake_in_s=calls16.wake_in_s,
    note=transactions16.note_start,
    actions=frozenset(ocpp16.ON_CALL),
    takes_id="StartTransaction",
    stored_first=ocpp16.is_stored_first,
    ask=asking.ask16,
)


def _note_nothing(station: Station, payload: Raw, moment: Moment) -> tuple[Station, bool]:
    """Stations of 2.x give their transactions ids themselves."""
    del payload, moment
    return station, False


OCPP201: Final = Dialect(
    version="2.0.1",
    subprotocol=ocpp201.SUBPROTOCOL,
    on_call=ocpp201.on_call,
    next_call=calls201.next_call,
    on_answer=calls201.on_answer,
    wake_in_s=calls16.wake_in_s,
    note=_note_nothing,
    actions=frozenset(ocpp201.ON_CALL),
    takes_id="",
    stored_first=ocpp201.is_stored_first,
    ask=asking.ask201,
)
OCPP21: Final = replace(
    OCPP201,
    version="2.1",
    subprotocol=ocpp21.SUBPROTOCOL,
    on_call=ocpp21.on_call,
    actions=frozenset(ocpp21.ON_CALL),
    ask=asking.ask21,
    on_notice=ocpp21.on_notice,
)
DIALECTS: Final = {dialect.subprotocol: dialect for dialect in (OCPP21, OCPP201, OCPP16)}
"""Subprotocol → dialect, the one we like best first."""


class Admitted(Struct, frozen=True):
    """How an admitted station is served; `subprotocol` None = it offered none."""

    dialect: Dialect
    subprotocol: str | None


def choose(offered: Sequence[str], pinned: str | None) -> Admitted | None:
    """Return the dialect for what a station offers; a pinned version only; none offered needs a pin to 1.6."""
    if not offered:
        return Admitted(OCPP16, None) if pinned == "1.6" else None
    for name, dialect in DIALECTS.items():
        if name in offered and pinned in (None, dialect.version):
            return Admitted(dialect, name)
    return None
