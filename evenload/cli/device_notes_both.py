"""What a person should know about makes with meters and plugs, and about sources of any shape."""

HOMEWIZARD = """Local API version 1 over HTTP. Switch "Local API" on in the app: device, settings, Local API. An
answer of 403 means that it is off.

A P1 meter, or a kWh meter at the grid connection:

```yaml
meters:
  p1: {role: grid, driver: homewizard, host: 192.168.1.20}
```

A kWh meter of one phase behind a solar inverter on L2; it counts what flows in as positive:

```yaml
meters:
  p1: {role: grid, driver: homewizard, host: 192.168.1.20}
  pv: {role: solar, driver: homewizard, host: 192.168.1.21, phases: [L2], invert: true}
```

An energy socket:

```yaml
loads:
  heater:
    type: plug
    driver: homewizard
    host: 192.168.1.40
    power_w: 2000
    phases: [L1]
```

* Asked: `GET /api/v1/data`. Power is signed per phase, + import.
* A P1's currents are whole amperes: they are replaced by power / voltage, or told current − 1 A where that is more
  (reactive current). Those of a kWh meter are fine; their direction is the power's.
* A one-phase connection leaves the keys of L2 and L3 out, or says null.
* Meters of the DSMR 5 kind tell new values every second, older ones every 10 s: for those set `period_s: 10`.
* The socket has no timer: without the service it stays as it is. Its switch lock must be off, else it is reported as
  refusing.
"""
HTTP_JSON = """Any address that answers a GET with JSON.

```yaml
meters:
  grid:
    role: grid
    driver: http_json
    url: http://192.168.1.50/meter
    fields: {power_l1_w: "ph[0].kw", power_l2_w: "ph[1].kw", power_l3_w: "ph[2].kw", import_wh: total.in_kwh}
    scale: 1000
```

* A path is `a.b[0].c`; a key with a dot in it is written `["a.b"]`. A lone value also counts as the first of a list.
* `taken_at` names the time of measuring, where the source tells one: what is older than the last is dropped.
* Numbers may be written as text ("12.5"), without a unit. Answers above 256 kB and redirects are refused.
"""
MQTT = """One connection to the broker is shared by all meters and plugs of a site. It reconnects by itself.

A plain number, here W of a one-phase solar meter:

```yaml
mqtt: {broker: mqtt://192.168.1.10}
meters:
  grid: {role: grid, driver: homewizard, host: 192.168.1.20}
  pv: {role: solar, driver: mqtt, topic: pv/power, phases: [L2]}
```

A JSON document, in kW:

```yaml
mqtt: {broker: mqtt://192.168.1.10, user: evenload, password_file: mqtt.key}
meters:
  grid:
    role: grid
    driver: mqtt
    topic: house/meter
    fields: {power_l1_w: "phases[0].kw", power_l2_w: "phases[1].kw", power_l3_w: "phases[2].kw"}
    scale: 1000
```

A source that speaks on change only:

```yaml
mqtt: {broker: mqtt://192.168.1.10}
battery: {soc_min_pct: 20}
meters:
  grid: {role: grid, driver: homewizard, host: 192.168.1.20}
  bat:
    role: battery
    driver: mqtt
    topic: battery/state
    fields: {power_w: power, soc_pct: soc}
    availability_topic: battery/availability
```

A relay:

```yaml
mqtt: {broker: mqtt://192.168.1.10}
loads:
  heater:
    type: plug
    driver: mqtt
    command_topic: plug/heater/set
    state_topic: plug/heater/state
    power_topic: plug/heater/power
    power_w: 2000
    phases: [L1]
```

* A path in `fields` is `a.b[0].c`; the empty path is the whole payload. `taken_at` names the time of measuring, where
  the source tells one: what is older than the last is dropped.
* A retained message is of unknown age and is no reading. With an availability topic (`online` or `offline`, 1, true,
  `{"state": "online"}` …) a source may speak on change only: while it is online, its last value holds.
* A relay should tell its state retained, so that it is known after a restart. Without a power topic a relay that stays
  on is seen by its state only.
* A relay on MQTT has no timer: without the service it stays as it is.
"""
SHELLY = """Local, over HTTP. Gen2 and later (Plus, Pro, Mini) by `/rpc`; Gen1 with `generation: 1`.

A Pro 3EM, and a 3EM of Gen1:

```yaml
meters:
  grid: {role: grid, driver: shelly, host: 192.168.1.21}
  garage: {role: circuit, driver: shelly, generation: 1, host: 192.168.1.22}
```

One phase: a PM Mini behind a solar inverter on L2; a clamp of a Gen1 EM or 3EM on L3; a Gen1 1PM:

```yaml
meters:
  grid: {role: grid, driver: shelly, host: 192.168.1.21}
  pv: {role: solar, driver: shelly, component: pm1, host: 192.168.1.23, phases: [L2]}
  roof: {role: solar, driver: shelly, generation: 1, host: 192.168.1.22, channel: 1, phases: [L3]}
  shed: {role: solar, driver: shelly, generation: 1, host: 192.168.1.24, phases: [L1]}
```

Relays and plugs, of Gen2 and later and of Gen1:

```yaml
loads:
  heater:
    type: plug
    driver: shelly
    host: 192.168.1.40
    power_w: 2000
    phases: [L1]
  boiler:
    type: plug
    driver: shelly
    generation: 1
    host: 192.168.1.41
    power_w: 1500
    phases: [L2]
```

* `component` of Gen2 and later: `em` three phases, `em1` one phase of an EM or Pro EM, `pm1` a PM Mini, `switch` a 1PM
  or plug. Gen1 tells what it has: `emeters` (3EM, EM) or `meters` (1PM, 2.5, plugs).
* Currents have no direction; it is taken from the power. A Gen1 EM, 1PM or plug tells none: it is power by voltage.
* A relay is told to go back by itself after 60 s, renewed every 20 s: when nobody renews it, it goes off.
* The relay's state after a power cut (`initial_state`, Gen1 `default_state`) is set to the failsafe, once.
* Devices with a password are not supported: switch authentication off.
"""
TASMOTA = """Relays and energy meters with Tasmota, over HTTP. Over MQTT: [`tasmota_mqtt`](tasmota_mqtt.md).

```yaml
loads:
  heater:
    type: plug
    driver: tasmota
    host: 192.168.1.41
    power_w: 2000
    phases: [L1]
```

```yaml
meters:
  grid: {role: grid, driver: tasmota, host: 192.168.1.42}
```

* A relay is asked by `Power` and `Status 8`, and commanded by `Power ON` and `Power OFF`.
* Two of the device's own settings are set, once: `PulseTime` to 160 (off by itself 60 s after the last ON; ON is
  renewed every 20 s) and `PowerOnState` to 0 (off after a power cut; this one is for all relays of the device). With
  `failsafe_on: true` PulseTime is 0 and PowerOnState 1.
* A meter is read by `Status 8`: power, current, voltage and total of `ENERGY`, one number or a list with one for each
  phase. Currents have no direction; it is taken from the power.
* A reading head on a meter's optical port is read when its script names the values as most do: `power_curr`, `power_l1`
  or `power_p1` …, `volt_p1` …, `curr_p1` …, `total_in`, `total_out` in kWh. Other names: with `http_json`, as below.
* The web password must be off.

```yaml
meters:
  grid: {role: grid, driver: tasmota, host: 192.168.1.42}
  house:
    role: household
    driver: http_json
    url: http://192.168.1.43/cm?cmnd=Status%208
    fields: {power_w: StatusSNS.Haus.Leistung}
```
"""
