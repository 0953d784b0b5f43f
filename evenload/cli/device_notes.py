"""What a person should know about each driver that is no make's table: for the pages of `docs/devices/`."""

from collections.abc import Mapping

from msgspec import Struct

from evenload.cli.device_notes_both import HOMEWIZARD, HTTP_JSON, MQTT, SHELLY, TASMOTA


class Note(Struct, frozen=True, kw_only=True):
    """One driver."""

    reads: str = ""
    switches: str = ""
    title: str = ""
    text: str = ""


MODBUS = """Any device whose registers you know. A value is `holding` or `input`, the address as it goes over the
wire (many papers count from 1), the type, then where they apply `swapped` (low word first) and `x` with a factor that
makes A, W, V, Wh or % of it, with our sign: + import, + discharge. Values are added with ` + `; `if 13000.2` counts a
value only while bit 2 of register 13000 is set; `or 0` at the end makes 0 of what is not there.

```yaml
meters:
  p1:
    role: grid
    driver: modbus
    host: 192.168.1.30
    unit: 1
    registers:
      power_l1_w: input 12 float32
      power_l2_w: input 14 float32
      power_l3_w: input 16 float32
      voltage_l1_v: input 0 float32
      import_wh: input 72 float32 x1000
```

* These are the registers of an Eastron SDM630 behind a serial-to-network converter.
* Registers that stand beside each other are asked for in one question; gaps are not.
* Numbers that mean "not there" (highest, lowest, not a number) are missing, never 0.
"""
SUNSPEC = """Inverters (models 101 to 103, 111 to 113), meters (201 to 204, 211 to 214), and batteries (802, 124) as
far as the device has them. The list of models is looked up at 40000, 0 and 50000; scales and word order come from it.

```yaml
meters:
  p1: {role: grid, driver: sunspec, host: 192.168.1.30, unit: 1}
  pv: {role: solar, driver: sunspec, host: 192.168.1.30, unit: 1}
```

* SolarEdge listens on port 1502: `host: '192.168.1.30:1502'`. Its meters count export as positive; that is turned by
  the maker's name in the list.
* Fronius has its meter at unit 240 or 200: give the grid meter that `unit`.
* SMA has SunSpec at unit 126.
* A meter's currents have no direction in most devices: they take it from the power of their phase.
* An inverter that sleeps says that its power is not a number; that is 0.
* All meters at one address share one connection, for many devices bear one master only.
"""
FRONIUS = """Local, over HTTP. On a GEN24 switch the Solar API on: web page of the inverter, communication, Solar API.

```yaml
battery: {soc_min_pct: 10}
meters:
  p1: {role: grid, driver: fronius, host: 192.168.1.30}
  pv: {role: solar, driver: fronius, host: 192.168.1.30}
  bat: {role: battery, driver: fronius, host: 192.168.1.30}
```

* The grid is the smart meter's values per phase (`GetMeterRealtimeData`), in the names of old and of new firmware;
  solar, battery and household come from `GetPowerFlowRealtimeData`.
* An inverter that sleeps says null for solar; that is 0. Without a battery its values are missing.
* The smart meter must sit at the grid connection. A second one has another id: `meter: 1`.
"""
ENPHASE = """Local, from the gateway (IQ Gateway, Envoy-S metered) with current clamps for consumption.

```yaml
meters:
  p1: {role: grid, driver: enphase, host: 192.168.1.30, token_file: enphase.token}
  pv: {role: solar, driver: enphase, host: 192.168.1.30, token_file: enphase.token}
```

* From firmware 7 on the gateway wants a token: sign in at entrez.enphaseenergy.com with your account, choose the
  gateway, and put the text into a file with mode 0400. It is good for a year. Its certificate is its own and is not
  checked.
* Before firmware 7: `secure: false` and no token.
* Net consumption is the grid, + import. Currents have no direction: they take it from the power of their phase.
"""
DSMR = """Telegrams of a smart meter's P1 port, as a P1 reader with a network socket or ser2net sends them.

```yaml
meters:
  p1: {role: grid, driver: dsmr, host: '192.168.1.30:2001'}
```

* Version 5 speaks each second. Older ones each 10 s: add `period_s: 10`.
* Most meters tell whole amperes. They are replaced by power / voltage, or the told current − 1 A where that is more.
* A checksum that does not fit refuses the telegram. Versions 2 and 3 have none, and a total only.
* With a cable: driver [`dsmr_serial`](dsmr_serial.md).
"""
DSMR_SERIAL = """Telegrams of a smart meter's P1 port by a cable. Needs `pip install 'evenload[serial]'`.

```yaml
meters:
  p1: {role: grid, driver: dsmr_serial, port: /dev/ttyUSB0}
```

* We must be allowed to read the port: `sudo usermod -aG dialout USER`.
* Versions 2 and 3: `baud: 9600` (7 bits, even parity) and `period_s: 10`.
* The telegrams are those of [`dsmr`](dsmr.md).
"""
TASMOTA_MQTT = """Relays, energy meters and reading heads with Tasmota over the site's MQTT broker, where the
device's HTTP is off or has a password.

```yaml
mqtt: {broker: mqtt://192.168.1.10}
meters:
  p1: {role: grid, driver: tasmota_mqtt, topic: tasmota_head}
loads:
  heater:
    type: plug
    driver: tasmota_mqtt
    topic: tasmota_A1B2C3
    power_w: 2000
    phases: [L1]
```

* The topic stands in the device: configuration, MQTT. The full topic must be `%prefix%/%topic%/`, as it is by
  default.
* A meter is asked by `Status 8` each period, for what it tells by itself comes too seldom. Which values: as with
  [`tasmota`](tasmota.md).
* Each switching on sets its PulseTime, so that it goes off by itself 60 s after nobody renews it.
* Its last will tells at once that it is gone.
"""
TPLINK = """TP-Link Kasa plugs, locally on port 9999.

```yaml
loads:
  heater:
    type: plug
    driver: tplink
    host: 192.168.1.40
    power_w: 2000
    phases: [L1]
```

* **Not supported:** all Tapo plugs (P100, P105, P110, P115 …), Kasa models with Matter (KP125M, EP25 from version 2.6)
  and Kasa plugs whose firmware has closed port 9999. They speak encrypted protocols (KLAP, later TPAP) with the
  password of TP-Link's cloud. `evenload probe tplink HOST --plug` gets no answer from them. Add such a plug to Home
  Assistant (TP-Link Smart Home) and use its switch:

```yaml
loads:
  heater:
    type: plug
    driver: homeassistant
    host: 192.168.1.10
    token_file: home-assistant.key
    entity: switch.heater
    power_entity: sensor.heater_current_consumption
    power_w: 2000
    phases: [L1]
```

* It has no timer that we use: without the service it stays as it is.
"""
TUYA = """Tuya plugs by their local protocol. Needs `pip install 'evenload[tuya]'`.

```yaml
loads:
  heater:
    type: plug
    driver: tuya
    host: 192.168.1.40
    device_id: bf1234567890abcdefghij
    key_file: heater.key
    power_w: 2000
    phases: [L1]
```

* The local key comes from the maker's developer pages (`python -m tinytuya wizard` fetches it) and belongs into a
  file with mode 0400. It changes when the plug is paired anew.
* Only one program may hold a plug; the app on a telephone in the same network counts.
* It has no timer that we use: without the service it stays as it is.
"""
HOMEASSISTANT = """Any entity of Home Assistant as a meter, any switch as a plug: for devices that have no driver here.
A driver of its own is quicker and has fewer parts that can fail.

```yaml
meters:
  p1:
    role: grid
    driver: homeassistant
    host: homeassistant.local
    token_file: homeassistant.token
    entities:
      power_l1_w: sensor.p1_power_phase_1
      power_l2_w: sensor.p1_power_phase_2
      power_l3_w: sensor.p1_power_phase_3
```

```yaml
loads:
  heater:
    type: plug
    driver: homeassistant
    host: homeassistant.local
    token_file: homeassistant.token
    entity: switch.heater
    power_entity: sensor.heater_power
    power_w: 2000
    phases: [L1]
```

* The token is made in Home Assistant: your profile, security, long-lived access tokens. It belongs into a file with
  mode 0400 beside the site file.
* The unit of measurement decides the conversion: W, kW, MW; A, mA; V, kV; Wh, kWh, MWh; %. An entity without a unit, or
  with one of another kind, is refused.
* Signs are ours: grid + import, battery + discharge. `invert: true` turns them.
* A value holds while the connection lives; `unavailable` and `unknown` are missing.
* A switch has no timer: without the service it stays as it is.
* All meters and plugs with the same host and token share one connection.

## Outward: Evenload in Home Assistant

With `discovery: true` the site, its loads and its circuits appear in Home Assistant by themselves, over the broker that
both use:

```yaml
mqtt: {broker: mqtt://192.168.1.10, user: evenload, password_file: mqtt.key, discovery: true}
```

`evenload up` then runs the service for it beside the others; elsewhere: `evenload run home_assistant`.

* The site: import, solar, health, distribution (select), problem (with the active alerts and what to do as attributes).
  A load: setpoint, measured, status, reason, mode (select), priority and limit (numbers), problem. A circuit: limit,
  whether it binds, problem. A meter: problem.
* A change there is a command as by `evenload set`, and shown as "by hand". What is refused falls back to what is in
  force.
* When the service ends or dies, the entities are unavailable. A load that is taken out of the site file disappears.
"""
SG_READY = """Heat pumps and boilers with SG Ready contacts, by two relays of a Shelly or a Tasmota device.

```yaml
loads:
  heatpump:
    type: plug
    driver: sg_ready
    host: 192.168.1.40
    power_w: 2500
    phases: [L1, L2, L3]
    mode: solar_priority
    min_on_s: 900
    min_off_s: 900
```

| state | first relay | second relay | what the heat pump does |
|---|---|---|---|
| `block` | on | off | stays off, for at most 2 h |
| `normal` | off | off | as it likes |
| `recommend` | off | on | is asked to take more |
| `force` | on | on | runs, with its heater where it has one |

* When the load may draw it is told `on_state`, otherwise `off_state`. `power_w` is what it then draws more.
* Each relay goes back by itself after 60 s when nobody renews it: the off state is what a dead controller leaves.
* It is asked, not switched: in `normal` it may draw, and its draw is the household's. Only `off_state: block` keeps it
  off.
* Tasmota counts relays from 1: `relays: tasmota`, `channel_1: 1`, `channel_2: 2`. Its relays go off by themselves,
  never on: whatever `off_state` says, a dead controller leaves `normal`, so take a Shelly for `off_state: block`.
"""
NOTES: Mapping[str, Note] = {
    "dsmr": Note(reads="DSMR (P1) smart meters over TCP", title="DSMR (P1) over TCP", text=DSMR),
    "dsmr_serial": Note(reads="DSMR (P1) smart meters by a cable", title="DSMR (P1) by a cable", text=DSMR_SERIAL),
    "enphase": Note(reads="Enphase gateways with metering", title="Enphase", text=ENPHASE),
    "fronius": Note(reads="Fronius inverters, smart meter and battery", title="Fronius", text=FRONIUS),
    "homeassistant": Note(
        reads="any entities of Home Assistant",
        switches="any switch of Home Assistant",
        title="Home Assistant",
        text=HOMEASSISTANT,
    ),
    "homewizard": Note(
        reads="HomeWizard P1 meter, kWh meters",
        switches="HomeWizard energy socket",
        title="HomeWizard",
        text=HOMEWIZARD,
    ),
    "http_json": Note(reads="any HTTP address that answers with JSON", title="Any JSON over HTTP", text=HTTP_JSON),
    "modbus": Note(reads="any registers over Modbus TCP", title="Modbus", text=MODBUS),
    "mqtt": Note(
        reads="any MQTT topic with a number or a JSON document",
        switches="any relay on MQTT",
        title="MQTT",
        text=MQTT,
    ),
    "sg_ready": Note(switches="SG Ready heat pumps by two relays", title="SG Ready", text=SG_READY),
    "shelly": Note(
        reads="Shelly 3EM, Pro 3EM, EM, PM, 1PM, plugs",
        switches="Shelly relays and plugs of all generations",
        title="Shelly",
        text=SHELLY,
    ),
    "sunspec": Note(reads="SunSpec inverters, meters and batteries over Modbus TCP", title="SunSpec", text=SUNSPEC),
    "tasmota": Note(
        reads="Tasmota energy meters and reading heads", switches="Tasmota relays", title="Tasmota", text=TASMOTA
    ),
    "tasmota_mqtt": Note(
        reads="Tasmota energy meters and reading heads over MQTT",
        switches="Tasmota relays over MQTT",
        title="Tasmota over MQTT",
        text=TASMOTA_MQTT,
    ),
    "tplink": Note(switches="TP-Link Kasa plugs", title="TP-Link Kasa", text=TPLINK),
    "tuya": Note(switches="Tuya plugs (extra `tuya`)", title="Tuya", text=TUYA),
}
