"""A station with several connectors behind one OCPP link: separate transactions and profiles, one configuration. Pure.

What is told for connector 0 is told to all; a ChargePointMaxProfile is the station's and is shared evenly by the
connectors that serve a vehicle (OCPP 1.6 part 1, section 3.13.2). Each connector may be an odd one of the library.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from evenload.simulation.station_core import Json, Station

WHOLE = ("GetConfiguration", "ChangeConfiguration", "Reset", "BootNotification", "Heartbeat")
"""What is of the station and not of its connectors."""


class Charger(Protocol):
    """A station as its link sees it, with one connector or several."""

    identity: str
    configuration: dict[str, str]

    @property
    def connectors(self) -> tuple[Station, ...]:
        """Return its connectors; the first one shows how its link is."""

    @property
    def boots(self) -> bool:
        """Tell whether it sends BootNotification."""

    def boot(self) -> Json:
        """Return BootNotification.req."""

    def mutes(self, action: str, payload: Json) -> bool:
        """Tell whether it never answers this call."""

    def answer(self, action: str, payload: Json, now: datetime) -> Json | None:
        """Return the answer to a call; None = not implemented."""


class Several:
    """A station whose connectors have numbers of their own."""

    def __init__(self, connectors: Sequence[Station]) -> None:
        self.connectors = tuple(connectors)
        self.identity = connectors[0].identity
        self.configuration = connectors[0].configuration
        self.configuration["NumberOfConnectors"] = str(len(connectors))
        for each in connectors:
            each.configuration = self.configuration

    @property
    def boots(self) -> bool:
        """Tell whether it sends BootNotification."""
        return self.connectors[0].boots

    def boot(self) -> Json:
        """Return BootNotification.req."""
        return self.connectors[0].boot()

    def mutes(self, action: str, payload: Json) -> bool:
        """Tell whether it never answers this call."""
        return any(each.mutes(action, payload) for each in self._meant(action, payload))

    def answer(self, action: str, payload: Json, now: datetime) -> Json | None:
        """Return the answer of the connectors that are meant: accepted when one accepts a call for all of them."""
        meant = self._meant(action, payload)
        if not meant:
            return {"status": "Rejected"}
        if action == "SetChargingProfile" and payload.get("connectorId") == 0:
            payload = self._shared(payload)
        answers = [each.answer(action, payload, now) for each in meant]
        return next((each for each in answers if each is not None and each.get("status") == "Accepted"), answers[0])

    def _meant(self, action: str, payload: Json) -> tuple[Station, ...]:
        """Return the connectors that a call is for."""
        if action == "RemoteStopTransaction":
            return tuple(each for each in self.connectors if each.transaction == payload.get("transactionId"))
        if action in WHOLE or payload.get("requestedMessage") in WHOLE:
            return self.connectors[:1]
        number = payload.get("connectorId", 0)
        return self.connectors if number == 0 else tuple(each for each in self.connectors if each.connector == number)

    def _shared(self, payload: Json) -> Json:
        """Return a profile of the whole station as each connector's even share of it."""
        profile: dict[str, Any] = payload.get("csChargingProfiles", {})
        if profile.get("chargingProfilePurpose") != "ChargePointMaxProfile":
            return payload
        among = max(1, sum(each.transaction is not None for each in self.connectors))
        schedule = profile["chargingSchedule"]
        periods = [{**each, "limit": each["limit"] / among} for each in schedule["chargingSchedulePeriod"]]
        return {
            **payload,
            "csChargingProfiles": {**profile, "chargingSchedule": {**schedule, "chargingSchedulePeriod": periods}},
        }
