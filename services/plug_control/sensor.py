"""What is believed of a temperature. Pure.

A temperature is believed while it is young, lies within what the device can have, does not jump, and moves when the
device heats (that is the core's to see). What is not believed is no temperature: the device is off, or left to its own
thermostat where the site file says so.
"""

from msgspec import Struct, structs

from evenload.contracts.events import MeterReading

PERIODS = 3.0
JUMP_K, JUMP_WITHIN_S, JUMP_QUIET_S = 15.0, 120.0, 300.0
"""No tank or room moves by so much so fast; a sensor that did must be quiet for a while to be believed again."""
METERED_S = 10.0
"""What a device draws is believed for so long, or for three periods of its meter."""
LOST, IMPLAUSIBLE = "temperature_lost", "temperature_implausible"


class Sensor(Struct, frozen=True, kw_only=True):
    """What was heard last. Times are s of the monotonic clock."""

    heard_c: float | None = None
    heard_s: float = -1e9
    period_s: float = 1.0
    suspect: bool = False
    jumped_s: float = -1e9


class Metered(Struct, frozen=True, kw_only=True):
    """What the meter of a device's draw said last, W; `at_s` of the monotonic clock."""

    power_w: float | None = None
    at_s: float = -1e9
    period_s: float = 1.0


class Belief(Struct, frozen=True, kw_only=True):
    """The temperature, or the alert's kind and text; neither while it may still come."""

    temperature_c: float | None = None
    trouble: tuple[str, str] | None = None


class Rules(Struct, frozen=True, kw_only=True):
    """How long it is believed, and which temperatures can be."""

    age_s: float
    least_c: float
    most_c: float


def felt(sensor: Sensor, reading: MeterReading, now_s: float) -> Sensor:
    """Return the sensor after a reading; one without a temperature says nothing."""
    value_c = reading.temperature_c
    if value_c is None:
        return sensor
    quick = sensor.heard_c is not None and now_s - sensor.heard_s < JUMP_WITHIN_S
    jumped = quick and sensor.heard_c is not None and abs(value_c - sensor.heard_c) > JUMP_K
    return structs.replace(
        sensor,
        heard_c=value_c,
        heard_s=now_s,
        period_s=reading.period_s,
        suspect=reading.quality == "suspect",
        jumped_s=now_s if jumped else sensor.jumped_s,
    )


def metered(before: Metered, reading: MeterReading, now_s: float) -> Metered:
    """Return what its meter says after a reading; a power is a magnitude, and one that is doubted says nothing."""
    power_w = reading.total_power_w
    if power_w is None and reading.power_w is not None:
        power_w = reading.power_w.total()
    if power_w is None or reading.quality == "suspect":
        return before
    return Metered(power_w=abs(power_w), at_s=now_s, period_s=reading.period_s)


def drawn_w(known: Metered, now_s: float) -> float | None:
    """Return what it draws by its meter, W; None while that is not known."""
    return known.power_w if now_s - known.at_s <= max(METERED_S, PERIODS * known.period_s) else None


def believed(sensor: Sensor, rules: Rules, started_s: float, now_s: float) -> Belief:
    """Return what is believed now; `started_s` is since when a reading could have come."""
    longest_s = max(rules.age_s, PERIODS * sensor.period_s)
    age_s = now_s - max(sensor.heard_s, started_s)
    if now_s - sensor.heard_s > longest_s or sensor.heard_c is None:
        lost = age_s > longest_s
        return Belief(trouble=(LOST, f"no temperature for {longest_s:.0f} s") if lost else None)
    why = _implausible(sensor, rules, now_s)
    if why:
        return Belief(trouble=(IMPLAUSIBLE, why))
    return Belief(temperature_c=sensor.heard_c)


def _implausible(sensor: Sensor, rules: Rules, now_s: float) -> str:
    assert sensor.heard_c is not None
    if not rules.least_c <= sensor.heard_c <= rules.most_c:
        return f"a temperature of {sensor.heard_c:g} °C cannot be"
    if sensor.suspect:
        return "its meter doubts it"
    return f"it jumped by more than {JUMP_K:g} K" if now_s - sensor.jumped_s < JUMP_QUIET_S else ""
