"""OCPP 2.1 as the station speaks it: 2.0.1's functions, and the notices that 2.1 adds. Pure.

Setpoints go out as 2.0.1's profiles, which 2.1 takes. Periodic event streams are refused: samples come by
TransactionEvent; what a station streams all the same (frame type 6, no answer) is read over.
"""

from typing import Final

from msgspec import Raw

from services.ocpp_gateway import ocpp201
from services.ocpp_gateway.frames import PeerProtocolError
from services.ocpp_gateway.ocpp16 import Handler, accepts
from services.ocpp_gateway.ocpp201 import NOTED
from services.ocpp_gateway.station import Moment, Station
from services.ocpp_gateway.transactions16 import Handled

SUBPROTOCOL: Final = "ocpp2.1"

ON_CALL: Final[dict[str, Handler]] = {
    **ocpp201.ON_CALL,
    "NotifyPriorityCharging": NOTED,
    "NotifyDERAlarm": NOTED,
    "NotifyDERStartStop": NOTED,
    "ReportDERControl": NOTED,
    "OpenPeriodicEventStream": accepts({"status": "Rejected"}),
    "ClosePeriodicEventStream": NOTED,
    "PullDynamicScheduleUpdate": accepts({"status": "Rejected"}),
}


def on_call(station: Station, action: str, payload: Raw, moment: Moment) -> Handled:
    """Return what a station's call leads to; raises `PeerProtocolError` with the code of its refusal."""
    handler = ON_CALL.get(action)
    if handler is None:
        raise PeerProtocolError("NotImplemented", f"{action[:60]!a} is not served")
    return handler(station, payload, moment)
