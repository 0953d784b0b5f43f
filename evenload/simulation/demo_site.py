"""The site file of the demo, with the ports that its simulated devices really have."""

import json
from collections.abc import Mapping

from msgspec import Struct

WALLBOX, GUEST = "CP001", "CP002"


class DemoPorts(Struct, frozen=True, kw_only=True):
    """Where the simulated devices listen on 127.0.0.1, and the stations' password files beside the site file."""

    p1: int
    inverter: int
    plug: int
    wallbox_key: str
    guest_key: str
    wallbox_entry: str = "{}"
    """What the wallbox's station entry must say besides, as JSON."""
    instead: Mapping[str, str] = {}
    """Keys, as `driver: huawei, host: …`, of what stands in place of `p1`, `pv`, `bat` and `heater`."""
    broker: int | None = None
    """Port of the MQTT broker, where a device needs one."""


def demo_site(ports: DemoPorts) -> str:
    """Return the demo's site file."""
    wallbox = json.dumps({"password_file": ports.wallbox_key, **json.loads(ports.wallbox_entry)})
    page = f"driver: http_json, url: 'http://127.0.0.1:{ports.inverter}/inverter', fields: "
    usual = {
        "p1": f"driver: homewizard, host: '127.0.0.1:{ports.p1}'",
        "pv": page + "{power_w: pv.power_w}",
        "bat": page + "{power_w: battery.power_w, soc_pct: battery.soc_pct}",
        "heater": f"driver: shelly, host: '127.0.0.1:{ports.plug}'",
    }
    keys = {**usual, **ports.instead}
    mqtt = "" if ports.broker is None else f"mqtt: {{broker: 'mqtt://127.0.0.1:{ports.broker}'}}\n"
    return f"""\
# The simulated home of `evenload demo`: sun, battery, two charging stations and a heater.
site: demo
time_zone: UTC
phases: [L1, L2, L3]
grid:
  breaker_a: 25
  household_max_a: 13
inverter: {{max_w: 14000}}
battery: {{soc_min_pct: 20, soc_target_pct: 80, soc_hysteresis_pct: 3, max_charge_w: 1500, max_discharge_w: 3000}}
distribution: shared
circuits:
  garage: {{limit_a: 20}}
meters:
  p1: {{role: grid, {keys["p1"]}}}
  pv: {{role: solar, {keys["pv"]}}}
  bat: {{role: battery, {keys["bat"]}}}
{mqtt}stations:
  {WALLBOX}: {wallbox}
  {GUEST}: {{password_file: {ports.guest_key}}}
loads:
  wallbox:
    type: evse
    station: {WALLBOX}
    max_a: 16
    phases: [L1, L2, L3]
    priority: 1
    mode: solar_priority
    circuit: garage
  guest:
    type: evse
    station: {GUEST}
    max_a: 16
    phases: [L2, L3, L1]
    priority: 2
    mode: solar_priority
    circuit: garage
    failsafe_a: 0
    grace_s: 30
    pause_s: 20
  heater:
    type: plug
    {_block(keys["heater"])}
    power_w: 2000
    phases: [L3]
    priority: 3
    mode: solar_only
    min_on_s: 10
    min_off_s: 10
    grace_s: 8
    pause_s: 10
    cycles_per_h: 60
"""


def _block(keys: str) -> str:
    """Return keys on one line as lines of a load."""
    return keys.replace(", ", "\n    ")
