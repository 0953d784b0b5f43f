"""An operator's call to a station: one at a time, answered with what the station answers, or with its report."""

import asyncio
from typing import Any

import msgspec

from evenload.contracts.commands import StationCall, StationCallReply
from services.ocpp_gateway.asking import REPORTS
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.station import Flight, Report


class OperatorDesk:
    """Who waits for an answer of one station."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[StationCallReply] | None = None
        self._promised: StationCallReply | None = None

    @property
    def busy(self) -> bool:
        """Does somebody wait."""
        return self._waiting is not None

    async def wait(self, call: StationCall) -> StationCallReply:
        """Return the answer to a call that is put in line after this began."""
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(asyncio.shield(self._waiting), call.timeout_s)
        except TimeoutError:
            return StationCallReply(ok=False, error=f"no answer in {call.timeout_s:g} s")
        finally:
            self._waiting = self._promised = None

    def answered(self, flight: Flight, answer: Answer) -> None:
        """Give the answer; one that only promises a report waits for the report."""
        reply = _reply(answer)
        if reply.ok and flight.action in REPORTS and reply.payload.get("status") == "Accepted":
            self._promised = reply
        else:
            self.tell(reply)

    def reported(self, report: Report) -> None:
        """Give the report that was promised."""
        if self._promised is not None:
            payload = {**self._promised.payload, "report": list(report.parts)}
            self.tell(StationCallReply(ok=True, payload=payload))

    def tell(self, reply: StationCallReply) -> None:
        """Give this to who waits."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(reply)


def _reply(answer: Answer) -> StationCallReply:
    if answer.kind != "result":
        return StationCallReply(ok=False, error=answer.why)
    try:
        return StationCallReply(ok=True, payload=msgspec.json.decode(answer.payload, type=dict[str, Any]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return StationCallReply(ok=False, error="the answer is not an object")
