"""The alerts about a plug, how grave each is, and what to do."""

from evenload.devices.alerting import AlertRule

UNREACHABLE, STUCK_ON, STUCK_OFF, BY_HAND = "plug_unreachable", "plug_stuck_on", "plug_stuck_off", "plug_by_hand"
RATING = "plug_rating"


LOST, IMPLAUSIBLE, TOO_HOT = "temperature_lost", "temperature_implausible", "temperature_too_high"
LEGIONELLA = "legionella_missed"
SHORT, TOO_LONG = "run_too_short", "appliance_too_long"

RULES: dict[str, AlertRule] = {
    UNREACHABLE: AlertRule("warning", "check its power, network and address; it counts as on until it answers"),
    STUCK_ON: AlertRule("critical", "its relay is welded or something else feeds the load: switch it off by hand"),
    STUCK_OFF: AlertRule(
        "info", "check the load's own switch, thermostat and fuse; nothing is kept free for it meanwhile"
    ),
    RATING: AlertRule("warning", "correct `power_w` in the site file: too little is kept free for it"),
    LOST: AlertRule("warning", "check the sensor, its battery and the meter's driver; it stays off until then"),
    IMPLAUSIBLE: AlertRule("warning", "check the sensor and where it sits; it stays off until then"),
    TOO_HOT: AlertRule("critical", "check its own thermostat and whether something else heats it"),
    LEGIONELLA: AlertRule(
        "warning", "it is made up for now; check its power, its mode and whether it was switched off"
    ),
    SHORT: AlertRule("warning", "give it a longer window or a lower priority number; what else used the power?"),
    TOO_LONG: AlertRule("info", "correct `done_w` or `longest_run_h` in the site file, or look at the machine"),
    BY_HAND: AlertRule("info", "set the load's mode (`evenload set LOAD mode …`) instead of its button"),
}
