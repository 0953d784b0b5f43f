"""The alerts about a meter, how grave each is, and what to do."""

from evenload.devices.alerting import AlertRule

SILENT, GARBAGE, PHASES_MISSING, IMPLAUSIBLE, SIGN, FROZEN, CLOCK, COUNTER, ORDER = (
    "meter_silent",
    "meter_garbage",
    "meter_phases_missing",
    "meter_implausible",
    "meter_sign",
    "meter_frozen",
    "meter_clock",
    "meter_counter",
    "meter_order",
)
KINDS = (SILENT, GARBAGE, PHASES_MISSING, IMPLAUSIBLE, SIGN, FROZEN, CLOCK, COUNTER, ORDER)


RULES: dict[str, AlertRule] = {
    SILENT: AlertRule(
        "critical", "check the device's power, network and address; the site falls back until it returns"
    ),
    GARBAGE: AlertRule("warning", "compare `fields` with what the device says now, and the driver with its model"),
    PHASES_MISSING: AlertRule(
        "warning", "it tells fewer phases than the site has: set `phases` of this meter, or of the site"
    ),
    IMPLAUSIBLE: AlertRule("critical", "check the unit: `scale: 1000` for kW, 0.001 for mA; and grid.breaker_a"),
    SIGN: AlertRule("critical", "a producer that consumes is wired or signed the other way: set `invert: true`"),
    FROZEN: AlertRule("critical", "the device repeats old values: restart it or its gateway"),
    COUNTER: AlertRule("info", "nothing to do when the meter was exchanged or reset; else look at its readings"),
    ORDER: AlertRule(
        "warning",
        "let one sender only write to its topic or address: end the second gateway, bridge or replay of old messages",
    ),
    CLOCK: AlertRule("info", "set the device's clock (NTP); readings are used by the time they arrive"),
}
