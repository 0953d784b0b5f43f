"""Setting a 1.6 station up after its boot: read what it can, change only what differs, ask for its state.

GetConfiguration of the keys we need → ChangeConfiguration of measurands, intervals and the retry of transaction
messages (24 h, faults.md section 3) → TriggerMessage of status and meter values. A station that refuses any of it is
used as it is.
"""

from typing import Any, Final

from msgspec import Raw
from msgspec.structs import replace

from services.ocpp_gateway.capability import Learned
from services.ocpp_gateway.config import HEARTBEAT_S
from services.ocpp_gateway.ladder import allowed_units
from services.ocpp_gateway.messages16 import Configuration, Reader, listed
from services.ocpp_gateway.phasing import AC_SWITCH_KEY, SWITCH_KEY
from services.ocpp_gateway.station import Station, Step
from services.ocpp_gateway.tolerant import text, whole

UNIT_KEY: Final = "ChargingScheduleAllowedChargingRateUnit"
LEVEL_KEY: Final = "ChargeProfileMaxStackLevel"
PERIODS_KEY: Final = "ChargingScheduleMaxPeriods"
MEASURANDS_KEY: Final = "MeterValuesSampledData"
INTERVAL_KEY: Final = "MeterValueSampleInterval"
ATTEMPTS_KEY: Final = "TransactionMessageAttempts"
RETRY_KEY: Final = "TransactionMessageRetryInterval"
HEARTBEAT_KEY: Final = "HeartbeatInterval"
DYNAMIC_KEY: Final = "SupportsDynamicProfiles"
OFFLINE_KEY: Final = "SupportsMaxOfflineDuration"
KEYS: Final = (
    UNIT_KEY,
    LEVEL_KEY,
    PERIODS_KEY,
    MEASURANDS_KEY,
    INTERVAL_KEY,
    "SupportedFeatureProfiles",
    "NumberOfConnectors",
    ATTEMPTS_KEY,
    RETRY_KEY,
    HEARTBEAT_KEY,
    SWITCH_KEY,
    AC_SWITCH_KEY,
)
MEASURANDS: Final = (
    "Current.Import,Power.Active.Import,Energy.Active.Import.Register,Voltage,Current.Offered",
    "Current.Import,Power.Active.Import,Energy.Active.Import.Register,Voltage",
    "Current.Import,Power.Active.Import,Energy.Active.Import.Register",
    "Current.Import,Energy.Active.Import.Register",
    "Power.Active.Import,Energy.Active.Import.Register",
)
"""From what we like best to what hardly any station refuses (row 46)."""
RETRY_S: Final = 60
ATTEMPTS: Final = 24 * 3600 // RETRY_S

_configuration = Reader(Configuration)


def first_steps() -> tuple[Step, ...]:
    """Return the start of the sequence."""
    return (Step("configuration", "GetConfiguration", {"key": list(KEYS)}),)


def read_configuration(payload: bytes | Raw) -> dict[str, tuple[str, bool]]:
    """Return key → (value, read-only); raises `PeerProtocolError`."""
    found = _configuration.read(payload)
    return {
        text(item.key).lower(): (text(item.value, 2_000), str(item.readonly).lower() == "true")
        for item in listed(found.configuration_key)
    }


def learn(learned: Learned, told: dict[str, tuple[str, bool]]) -> Learned:
    """Return `learned` with the unit, the highest stack level and the number of periods that the station tells."""
    level = whole(told.get(LEVEL_KEY.lower(), ("", True))[0])
    periods = whole(told.get(PERIODS_KEY.lower(), ("", True))[0])
    return replace(
        learned,
        dynamic=_dynamic(learned, told),
        switchable=_switchable(told),
        units=allowed_units(told.get(UNIT_KEY.lower(), ("", True))[0]),
        max_level=level if level is not None and level >= 0 else None,
        max_periods=periods if periods is not None and periods > 0 else None,
        measurands=told.get(MEASURANDS_KEY.lower(), (learned.measurands, True))[0][:500],
    )


def _switchable(told: dict[str, tuple[str, bool]]) -> bool | None:
    """Return whether it says that it can charge on one line or on all; None = it does not say (row 29)."""
    words = [told[key.lower()][0].lower() for key in (SWITCH_KEY, AC_SWITCH_KEY) if key.lower() in told]
    return True if "true" in words else False if "false" in words else None


def _dynamic(learned: Learned, told: dict[str, tuple[str, bool]]) -> bool | None:
    """Return whether dynamic profiles may be tried: it says so, they end offline, and none was rejected yet."""
    says = [told.get(key.lower(), ("", True))[0].lower() == "true" for key in (DYNAMIC_KEY, OFFLINE_KEY)]
    return True if all(says) and learned.dynamic is not False else learned.dynamic


def _change(key: str, value: str, others: tuple[str, ...] = ()) -> Step:
    return Step("change", "ChangeConfiguration", {"key": key, "value": value}, others)


def _measurands_fit(told: str) -> bool:
    """Tell whether current, power and energy are among what the station samples; suffixes count (row 36)."""
    words = [word.strip().lower() for word in told.split(",")]
    return all(
        any(word.startswith(wanted) for word in words)
        for wanted in ("current.import", "power.active.import", "energy.active.import.register")
    )


def _differs(key: str, told: str, interval_s: int) -> bool:
    number = whole(told)
    if key == INTERVAL_KEY:
        return number is None or number <= 0 or number > interval_s
    if key == HEARTBEAT_KEY:
        return number is None or number <= 0 or number > 2 * HEARTBEAT_S
    if key == ATTEMPTS_KEY:
        return number is None or number < ATTEMPTS
    if key == RETRY_KEY:
        return number is None or not 0 < number <= 10 * RETRY_S
    return not _measurands_fit(told)


def _wanted_measurands(pinned: object) -> Step:
    if isinstance(pinned, str):
        return _change(MEASURANDS_KEY, pinned)
    return _change(MEASURANDS_KEY, MEASURANDS[0], MEASURANDS[1:])


def changes(told: dict[str, tuple[str, bool]], interval_s: int, pinned: object = None) -> tuple[Step, ...]:
    """Return a ChangeConfiguration for each key that differs from what we want and may be written.

    `pinned` are the measurands of the site file: those and no others.
    """
    wanted = {
        MEASURANDS_KEY: _wanted_measurands(pinned),
        INTERVAL_KEY: _change(INTERVAL_KEY, str(interval_s), ("30", "60") if interval_s < 30 else ()),
        HEARTBEAT_KEY: _change(HEARTBEAT_KEY, str(HEARTBEAT_S)),
        ATTEMPTS_KEY: _change(ATTEMPTS_KEY, str(ATTEMPTS), ("100", "10")),
        RETRY_KEY: _change(RETRY_KEY, str(RETRY_S)),
    }
    steps = []
    for key, step in wanted.items():
        value, readonly = told.get(key.lower(), ("", key not in (MEASURANDS_KEY, INTERVAL_KEY)))
        differs = _differs(key, value, interval_s)
        if key == MEASURANDS_KEY and pinned is not None:
            differs = value != pinned
        if not readonly and differs:
            steps.append(step)
    return tuple(steps)


def trigger(message: str, connector: int) -> Step:
    """Return the TriggerMessage that asks for `message`."""
    payload: dict[str, Any] = {"requestedMessage": message}
    return Step("trigger", "TriggerMessage", payload | ({"connectorId": connector} if connector else {}))


def ask_state(station: Station) -> tuple[Step, ...]:
    """Return the triggers for status and meter values of each outlet."""
    return tuple(
        trigger(message, outlet.plan.connector)
        for outlet in station.outlets
        for message in ("StatusNotification", "MeterValues")
    )


def next_value(step: Step) -> tuple[Step, ...]:
    """Return the same change with the next value to try; nothing when none is left."""
    if not step.others:
        return ()
    return (_change(step.payload["key"], step.others[0], step.others[1:]),)
