"""A charging station's connector, which is a whole station where it has one, in OCPP 1.6J, pure as far as that goes.

The station keeps configuration keys, charging profiles and one transaction. It answers calls, tells which current is
in force (the composite of its profiles, OCPP 1.6 part 1 section 3.13) and makes the messages that it would send.
Time is an argument: UTC for schedules, since profiles may be absolute. Nothing here reads a clock or a socket.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from evenload.simulation.station_profiles import Profile, composite_a, parse_profile

Json = dict[str, Any]

CONFIGURATION: dict[str, tuple[str, bool]] = {
    "AuthorizeRemoteTxRequests": ("false", True),
    "ChargeProfileMaxStackLevel": ("8", True),
    "ChargingScheduleAllowedChargingRateUnit": ("Current", True),
    "ChargingScheduleMaxPeriods": ("24", True),
    "ConnectionTimeOut": ("60", False),
    "HeartbeatInterval": ("300", False),
    "MaxChargingProfilesInstalled": ("10", True),
    "MeterValueSampleInterval": ("10", False),
    "MeterValuesSampledData": ("Current.Import,Power.Active.Import,Energy.Active.Import.Register,Voltage", False),
    "NumberOfConnectors": ("1", True),
    "StopTransactionOnEVSideDisconnect": ("true", False),
    "SupportedFeatureProfiles": ("Core,SmartCharging,RemoteTrigger", True),
    "TransactionMessageAttempts": ("3", False),
    "TransactionMessageRetryInterval": ("20", False),
    "WebSocketPingInterval": ("0", False),
}
"""Key → (value at delivery, read only)."""
_MAX_PROFILES = 10


@dataclass
class Station:
    """One station. `status` is the OCPP 1.6 status of its connector, `lines` how many lines the vehicle uses."""

    identity: str
    max_a: float = 32.0
    connector: int = 1
    lines: int = 3
    voltage_v: float = 230.0
    vehicle_a: float = 16.0
    plugged: bool = False
    wants: bool = True
    status: str = "Available"
    drawn_a: float = 0.0
    energy_wh: float = 0.0
    transaction: int | None = None
    transaction_from: datetime | None = None
    configuration: dict[str, str] = field(
        default_factory=lambda: {key: value for key, (value, _) in CONFIGURATION.items()}
    )
    profiles: dict[tuple[str, int], Profile] = field(default_factory=dict)
    triggered: list[str] = field(default_factory=list)
    told_to_stop: bool = False
    """By RemoteStopTransaction; it starts again when told, or when the vehicle comes anew."""
    told_to_start: bool = False
    may_start_remotely: bool = True
    coming: Profile | None = None
    """A profile that came with a remote start, for the transaction that it starts."""

    boots = True
    """Does it send BootNotification when it connects; few must (row 51)."""
    subprotocols: ClassVar[tuple[str, ...]] = ("ocpp1.6",)
    answers_pings = True
    wrong_id = ""
    """Under which id it sends what it does not answer properly; "" = it is silent."""
    repeats_stops = False

    def path(self) -> str:
        """Return the path that it dials."""
        return f"/{quote(self.identity, safe='')}"

    def secret(self, password: str) -> bytes:
        """Return what it sends as its password."""
        return password.encode()

    @property
    def connectors(self) -> tuple["Station", ...]:
        """Return its connectors: itself."""
        return (self,)

    def own_time(self, now: datetime) -> datetime:
        """Return the time by the station's clock."""
        return now

    def refuses(self, connector: int, profile: Profile, payload: Json) -> bool:
        """Tell whether it rejects a well-formed profile."""
        del connector, profile, payload
        return False

    def mutes(self, action: str, payload: Json) -> bool:
        """Tell whether it never answers this call."""
        del action, payload
        return False

    def restart(self) -> None:
        """Come back after a reset: what belongs to a transaction is gone."""
        self.transaction = self.transaction_from = None
        self.profiles = {key: each for key, each in self.profiles.items() if each.purpose != "TxProfile"}
        self.triggered.clear()

    def allowed_a(self, now: datetime) -> float:
        """Return the current in force at the connector, A per line."""
        return composite_a(list(self.profiles.values()), self.transaction_from, self.own_time(now), self.max_a)

    def active_lines(self, now: datetime) -> int | None:
        """Return on how many lines it gives current now; None = on all that it has, always."""
        del now
        return None

    def wanted_status(self, now: datetime) -> str:
        """Return the status that fits vehicle, profiles and transaction."""
        if not self.plugged:
            return "Available"
        if self.transaction is None:
            return "Preparing" if self.wants and not self.told_to_stop else "Finishing"
        if not self.wants:
            return "SuspendedEV"
        return "Charging" if self.allowed_a(now) >= 6 else "SuspendedEVSE"

    def target_a(self, now: datetime) -> float:
        """Return what the vehicle will draw once it has followed, A per line."""
        allowed_a = self.allowed_a(now)
        draws = self.plugged and self.wants and self.transaction is not None and allowed_a >= 6
        return min(allowed_a, self.vehicle_a) if draws else 0.0

    def starts(self) -> bool:
        """Tell whether a transaction begins now."""
        return self.plugged and self.wants and self.transaction is None and not self.told_to_stop

    def stops(self, now: datetime) -> str | None:
        """Return the reason for which the running transaction ends now, None = it goes on."""
        del now
        if self.transaction is None:
            return None
        return "EVDisconnected" if not self.plugged else "Remote" if self.told_to_stop else None

    def move(self, seconds: float, drawn_a: float) -> None:
        """Count energy for `seconds` at the current so far, then draw `drawn_a`."""
        self.energy_wh += self.drawn_a * self.lines * self.voltage_v * seconds / 3600
        self.drawn_a = drawn_a

    def sample_interval_s(self) -> float:
        """Return the configured time between meter values, s; 0 = none."""
        value = self.configuration.get("MeterValueSampleInterval", "10")
        return float(value) if value.isdigit() else 10.0

    def boot(self) -> Json:
        """Return BootNotification.req."""
        return {
            "chargePointVendor": "Evenload",
            "chargePointModel": "Simulated",
            "chargePointSerialNumber": self.identity[:25],
            "firmwareVersion": "1.0",
        }

    def status_notification(self, now: datetime) -> Json:
        """Return StatusNotification.req of the connector."""
        return {
            "connectorId": self.connector,
            "errorCode": "NoError",
            "status": self.status,
            "timestamp": stamp(self.own_time(now)),
        }

    def meter_values(self, now: datetime) -> Json:
        """Return MeterValues.req with current and voltage per phase, power and energy."""
        samples = []
        for index in range(3):
            on_line = self.drawn_a if index < self.lines else 0.0
            samples.append(_sample(f"{on_line:.1f}", "Current.Import", "A", f"L{index + 1}"))
            samples.append(_sample(f"{self.voltage_v:.1f}", "Voltage", "V", f"L{index + 1}-N"))
        power_w = self.drawn_a * self.lines * self.voltage_v
        samples.append(_sample(f"{power_w:.0f}", "Power.Active.Import", "W"))
        samples.append(_sample(f"{self.energy_wh:.0f}", "Energy.Active.Import.Register", "Wh"))
        samples.append(_sample(f"{self.allowed_a(now):.1f}", "Current.Offered", "A"))
        message: Json = {
            "connectorId": self.connector,
            "meterValue": [{"timestamp": stamp(self.own_time(now)), "sampledValue": samples}],
        }
        return message if self.transaction is None else {**message, "transactionId": self.transaction}

    def start_transaction(self, now: datetime) -> Json:
        """Return StartTransaction.req."""
        return {
            "connectorId": self.connector,
            "idTag": "FREE",
            "meterStart": round(self.energy_wh),
            "timestamp": stamp(self.own_time(now)),
        }

    def started(self, transaction: int, now: datetime) -> None:
        """Note the id that the central system gave."""
        self.transaction, self.transaction_from = transaction, self.own_time(now)
        if self.coming is not None:
            self.profiles[(self.coming.purpose, self.coming.stack_level)] = self.coming
            self.coming = None

    def stop_transaction(self, now: datetime, reason: str) -> Json:
        """Return StopTransaction.req and forget the transaction with its TxProfiles."""
        message = {
            "transactionId": self.transaction,
            "idTag": "FREE",
            "meterStop": round(self.energy_wh),
            "timestamp": stamp(self.own_time(now)),
            "reason": reason,
        }
        self.transaction = self.transaction_from = None
        self.profiles = {key: each for key, each in self.profiles.items() if each.purpose != "TxProfile"}
        return message

    def answer(self, action: str, payload: Json, now: datetime) -> Json | None:
        """Return the answer to a call; None = not implemented."""
        handler = _HANDLERS.get(action)
        return handler(self, payload, now) if handler is not None else None


def stamp(now: datetime) -> str:
    """Return RFC 3339 in UTC to the millisecond."""
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sample(value: str, measurand: str, unit: str, phase: str | None = None) -> Json:
    sample = {"value": value, "context": "Sample.Periodic", "measurand": measurand, "unit": unit}
    return sample if phase is None else {**sample, "phase": phase}


def _set_profile(station: Station, payload: Json, now: datetime) -> Json:
    """Take a profile when it is well formed and lawful here; one of the same purpose and level is replaced."""
    connector = payload.get("connectorId")
    profile = parse_profile(payload.get("csChargingProfiles"), station.lines * station.voltage_v, station.own_time(now))
    if profile is None or connector not in (0, station.connector):
        return {"status": "Rejected"}
    if profile.purpose == "TxProfile" and (connector == 0 or station.transaction is None):
        return {"status": "Rejected"}
    if profile.purpose == "TxProfile" and profile.transaction not in (None, station.transaction):
        return {"status": "Rejected"}
    if profile.purpose == "ChargePointMaxProfile" and connector != 0:
        return {"status": "Rejected"}
    if station.refuses(int(connector), profile, payload["csChargingProfiles"]):
        return {"status": "Rejected"}
    kept = {key: each for key, each in station.profiles.items() if each.profile_id != profile.profile_id}
    if len(kept) >= _MAX_PROFILES:
        return {"status": "Rejected"}
    station.profiles = {**kept, (profile.purpose, profile.stack_level): profile}
    return {"status": "Accepted"}


def _clear_profile(station: Station, payload: Json, now: datetime) -> Json:
    del now
    kept = {key: each for key, each in station.profiles.items() if not _matches(each, payload)}
    cleared = len(kept) < len(station.profiles)
    station.profiles = kept
    return {"status": "Accepted" if cleared else "Unknown"}


def _matches(profile: Profile, payload: Json) -> bool:
    """Tell whether a ClearChargingProfile means this profile; an id alone decides."""
    if "id" in payload:
        return bool(payload["id"] == profile.profile_id)
    purpose, level = payload.get("chargingProfilePurpose"), payload.get("stackLevel")
    return purpose in (None, profile.purpose) and level in (None, profile.stack_level)


def _composite(station: Station, payload: Json, now: datetime) -> Json:
    schedule = {
        "duration": payload.get("duration", 60),
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": round(station.allowed_a(now), 1)}],
    }
    return {
        "status": "Accepted",
        "connectorId": station.connector,
        "scheduleStart": stamp(now),
        "chargingSchedule": schedule,
    }


def _get_configuration(station: Station, payload: Json, now: datetime) -> Json:
    del now
    asked = payload.get("key") or list(station.configuration)
    known = [
        {"key": key, "readonly": CONFIGURATION[key][1], "value": station.configuration[key]}
        for key in asked
        if key in CONFIGURATION
    ]
    return {"configurationKey": known, "unknownKey": [key for key in asked if key not in CONFIGURATION]}


def _change_configuration(station: Station, payload: Json, now: datetime) -> Json:
    del now
    key, value = payload.get("key", ""), payload.get("value", "")
    if key not in CONFIGURATION:
        return {"status": "NotSupported"}
    if CONFIGURATION[key][1]:
        return {"status": "Rejected"}
    station.configuration[key] = str(value)
    return {"status": "Accepted"}


def _trigger(station: Station, payload: Json, now: datetime) -> Json:
    del now
    wanted = payload.get("requestedMessage", "")
    if wanted not in ("BootNotification", "StatusNotification", "MeterValues", "Heartbeat"):
        return {"status": "NotImplemented"}
    station.triggered.append(wanted)
    return {"status": "Accepted"}


def _accepted(station: Station, payload: Json, now: datetime) -> Json:
    del station, payload, now
    return {"status": "Accepted"}


def _reset(station: Station, payload: Json, now: datetime) -> Json:
    del payload, now
    station.triggered.append("Reset")
    return {"status": "Accepted"}


def _remote_start(station: Station, payload: Json, now: datetime) -> Json:
    """Start the plugged vehicle's transaction, where it waits for that."""
    if not station.plugged or station.transaction is not None or not station.may_start_remotely:
        return {"status": "Rejected"}
    station.told_to_start, station.told_to_stop = True, False
    watts_per_amp = station.lines * station.voltage_v
    station.coming = parse_profile(payload.get("chargingProfile"), watts_per_amp, station.own_time(now))
    return {"status": "Accepted"}


def _remote_stop(station: Station, payload: Json, now: datetime) -> Json:
    del now
    if station.transaction is None or payload.get("transactionId") != station.transaction:
        return {"status": "Rejected"}
    station.told_to_start, station.told_to_stop = False, True
    return {"status": "Accepted"}


_HANDLERS = {
    "ChangeAvailability": _accepted,
    "ChangeConfiguration": _change_configuration,
    "ClearCache": _accepted,
    "ClearChargingProfile": _clear_profile,
    "GetCompositeSchedule": _composite,
    "GetConfiguration": _get_configuration,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "Reset": _reset,
    "SetChargingProfile": _set_profile,
    "TriggerMessage": _trigger,
}
