"""The keys that each driver takes in the site file, one struct a driver, and what it needs installed."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from evenload.site.driver_keys import Entity, Host, JsonPath, Options, TasmotaTopic, Timeout, UnitId
from evenload.site.plug_drivers import (
    HomeassistantPlug,
    HomewizardPlug,
    MqttPlug,
    SgReadyPlug,
    ShellyPlug,
    TasmotaMqttPlug,
    TasmotaPlug,
    TplinkPlug,
    TuyaPlug,
)


class HomewizardMeter(Options, frozen=True, kw_only=True):
    """HomeWizard P1 meter, local API v1: `GET /api/v1/data`."""

    host: Host
    timeout_s: Timeout = 2.0


class ShellyMeter(Options, frozen=True, kw_only=True):
    """Shelly 3EM, EM, 1PM, plugs: Gen1 by `/status`; Gen2 and later, also Pro 3EM and PM, by `/rpc/…GetStatus`."""

    host: Host
    generation: Annotated[Literal[1, 2], Meta(description="1: by /status; 2: Gen2 and later, by /rpc")] = 2
    component: Annotated[
        Literal["em", "em1", "pm1", "switch"],
        Meta(description="em: three phases; em1: one phase of an EM; pm1: PM Mini; switch: 1PM, plugs"),
    ] = "em"
    channel: Annotated[int, Meta(ge=0, le=8, description="the device's channel, from 0")] = 0
    timeout_s: Timeout = 2.0


class ValueFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where each value stands in a JSON document: a dotted path as `a.b[0].c`; the empty path is the whole payload."""

    current_a: Annotated[JsonPath | None, Meta(description="path of the current, A")] = None
    current_l1_a: Annotated[JsonPath | None, Meta(description="path of the current on line 1, A")] = None
    current_l2_a: Annotated[JsonPath | None, Meta(description="path of the current on line 2, A")] = None
    current_l3_a: Annotated[JsonPath | None, Meta(description="path of the current on line 3, A")] = None
    power_w: Annotated[JsonPath | None, Meta(description="path of the power, W")] = None
    power_l1_w: Annotated[JsonPath | None, Meta(description="path of the power on line 1, W")] = None
    power_l2_w: Annotated[JsonPath | None, Meta(description="path of the power on line 2, W")] = None
    power_l3_w: Annotated[JsonPath | None, Meta(description="path of the power on line 3, W")] = None
    voltage_v: Annotated[JsonPath | None, Meta(description="path of the voltage to neutral, V")] = None
    voltage_l1_v: Annotated[JsonPath | None, Meta(description="path of the voltage to neutral on line 1, V")] = None
    voltage_l2_v: Annotated[JsonPath | None, Meta(description="path of the voltage to neutral on line 2, V")] = None
    voltage_l3_v: Annotated[JsonPath | None, Meta(description="path of the voltage to neutral on line 3, V")] = None
    import_wh: Annotated[JsonPath | None, Meta(description="path of the counter of energy in, Wh")] = None
    export_wh: Annotated[JsonPath | None, Meta(description="path of the counter of energy out, Wh")] = None
    soc_pct: Annotated[JsonPath | None, Meta(description="path of the state of charge, %")] = None
    temperature_c: Annotated[JsonPath | None, Meta(description="path of the temperature, °C")] = None
    taken_at: Annotated[
        JsonPath | None, Meta(description="path of when it was measured: s or ms since 1970, or a time with an offset")
    ] = None


class MqttMeter(Options, frozen=True, kw_only=True):
    """Any MQTT topic with a number or a JSON document."""

    topic: Annotated[str, Meta(min_length=1, description="topic of its values")]
    fields: Annotated[ValueFields, Meta(description="where its values stand; default: the payload is W")] = field(
        default_factory=lambda: ValueFields(power_w="")
    )
    scale: Annotated[float, Meta(ge=-1e6, le=1e6, description="multiplies power, current and energy: 1000 for kW")] = (
        1.0
    )
    availability_topic: Annotated[str | None, Meta(description="says online/offline; alive without value changes")] = (
        None
    )


class HttpJsonMeter(Options, frozen=True, kw_only=True):
    """Any HTTP endpoint that returns JSON."""

    url: Annotated[str, Meta(pattern=r"^https?://", description="address that answers with JSON")]
    fields: Annotated[ValueFields, Meta(description="where its values stand")]
    scale: Annotated[float, Meta(ge=-1e6, le=1e6, description="multiplies power, current and energy: 1000 for kW")] = (
        1.0
    )
    timeout_s: Timeout = 2.0
    headers: Annotated[dict[str, str], Meta(description="HTTP headers to send")] = field(default_factory=dict)


REGISTER_PATTERN = (
    r"^(?:(?:holding|input) [0-9]{1,5} (?:u?int(?:16|32|64)|float32)(?: swapped)?(?: x-?[0-9]+(?:\.[0-9]+)?)?"
    r"(?: if [0-9]{1,5}\.[0-9]{1,2})?(?: \+ (?=[hi])|(?= or 0)|$)){1,16}(?: or 0)?$"
)
"""Of a value in Modbus registers, as `holding 37113 int32 x-1`."""
Register = Annotated[str, Meta(pattern=REGISTER_PATTERN)]


class RegisterFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where each value stands: `holding` or `input`, address, type, then `swapped` and `xSCALE` where they apply."""

    current_l1_a: Annotated[Register | None, Meta(description="current on line 1, A")] = None
    current_l2_a: Annotated[Register | None, Meta(description="current on line 2, A")] = None
    current_l3_a: Annotated[Register | None, Meta(description="current on line 3, A")] = None
    power_w: Annotated[Register | None, Meta(description="power over all lines, W")] = None
    power_l1_w: Annotated[Register | None, Meta(description="power on line 1, W")] = None
    power_l2_w: Annotated[Register | None, Meta(description="power on line 2, W")] = None
    power_l3_w: Annotated[Register | None, Meta(description="power on line 3, W")] = None
    voltage_l1_v: Annotated[Register | None, Meta(description="voltage to neutral on line 1, V")] = None
    voltage_l2_v: Annotated[Register | None, Meta(description="voltage to neutral on line 2, V")] = None
    voltage_l3_v: Annotated[Register | None, Meta(description="voltage to neutral on line 3, V")] = None
    import_wh: Annotated[Register | None, Meta(description="counter of energy in, Wh")] = None
    export_wh: Annotated[Register | None, Meta(description="counter of energy out, Wh")] = None
    soc_pct: Annotated[Register | None, Meta(description="state of charge, %")] = None
    temperature_c: Annotated[Register | None, Meta(description="temperature, °C")] = None


class ModbusMeter(Options, frozen=True, kw_only=True):
    """Any registers over Modbus TCP."""

    host: Host
    registers: Annotated[RegisterFields, Meta(description="where its values stand")]
    unit: UnitId = 1
    unsigned_current: Annotated[bool, Meta(description="its currents have no direction; they take the power's")] = False
    pause_s: Annotated[float, Meta(ge=0, le=5, description="pause after each answer, s")] = 0.0
    timeout_s: Timeout = 2.0


class InverterMeter(Options, frozen=True, kw_only=True):
    """An inverter over Modbus TCP, by the table of its make; the role says which of its values are read."""

    host: Host
    unit: Annotated[UnitId | None, Meta(description="Modbus unit id; default: what the make ships with")] = None
    timeout_s: Timeout = 3.0


class DongleMeter(InverterMeter, frozen=True, kw_only=True):
    """An inverter over Modbus TCP or, through its dongle, over UDP; the role says which of its values are read."""

    over: Annotated[Literal["tcp", "udp"], Meta(description="tcp: Modbus TCP; udp: the WiFi dongle's own port")] = "tcp"


class SunspecMeter(Options, frozen=True, kw_only=True):
    """SunSpec over Modbus TCP: inverters 101–103 and 111–113, meters 201–204 and 211–214, batteries 124 and 802."""

    host: Host
    unit: UnitId = 1
    number: Annotated[int, Meta(ge=1, le=8, description="which meter, inverter or battery of the device, from 1")] = 1
    timeout_s: Timeout = 3.0


class FroniusMeter(Options, frozen=True, kw_only=True):
    """Fronius Solar API v1 over HTTP; the role says what of it is read."""

    host: Host
    meter: Annotated[int, Meta(ge=0, le=240, description="device id of the smart meter")] = 0
    timeout_s: Timeout = 4.0


class EnphaseMeter(Options, frozen=True, kw_only=True):
    """Enphase gateway (IQ Gateway, Envoy-S metered): `GET /production.json?details=1` with a local token."""

    host: Host
    token_file: Annotated[str | None, Meta(description="file with the token, relative to the site file; mode 0400")] = (
        None
    )
    secure: Annotated[
        bool, Meta(description="HTTPS with the gateway's own certificate; false for firmware below 7")
    ] = True
    timeout_s: Timeout = 5.0


class DsmrMeter(Options, frozen=True, kw_only=True):
    """DSMR (P1) telegrams over TCP, as ser2net and P1 readers with a network socket send them."""

    host: Annotated[Host, Meta(description="host:port that sends the telegrams; default port 2001")]
    timeout_s: Annotated[float, Meta(ge=1, le=60, description="longest wait for a telegram, s")] = 15.0


class DsmrSerialMeter(Options, frozen=True, kw_only=True):
    """DSMR (P1) telegrams from a cable."""

    port: Annotated[str, Meta(min_length=1, description="serial port, as /dev/ttyUSB0")]
    baud: Annotated[Literal[9600, 115200], Meta(description="115200; 9600 (7E1) for DSMR 2 and 3")] = 115200
    timeout_s: Annotated[float, Meta(ge=1, le=60, description="longest wait for a telegram, s")] = 15.0


class TasmotaMeter(Options, frozen=True, kw_only=True):
    """Tasmota energy meters and reading heads over HTTP: `Status 8`, one value or a list with one for each phase."""

    host: Host
    timeout_s: Timeout = 2.0


class TasmotaMqttMeter(Options, frozen=True, kw_only=True):
    """Tasmota energy meters and reading heads over MQTT: `cmnd/TOPIC/Status 8` and its answer."""

    topic: TasmotaTopic
    timeout_s: Timeout = 2.0


class EntityFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which entity tells each value; its unit of measurement decides how it is converted."""

    current_l1_a: Annotated[Entity | None, Meta(description="entity of the current on line 1, A")] = None
    current_l2_a: Annotated[Entity | None, Meta(description="entity of the current on line 2, A")] = None
    current_l3_a: Annotated[Entity | None, Meta(description="entity of the current on line 3, A")] = None
    power_w: Annotated[Entity | None, Meta(description="entity of the power over all lines, W")] = None
    power_l1_w: Annotated[Entity | None, Meta(description="entity of the power on line 1, W")] = None
    power_l2_w: Annotated[Entity | None, Meta(description="entity of the power on line 2, W")] = None
    power_l3_w: Annotated[Entity | None, Meta(description="entity of the power on line 3, W")] = None
    voltage_l1_v: Annotated[Entity | None, Meta(description="entity of the voltage to neutral on line 1, V")] = None
    voltage_l2_v: Annotated[Entity | None, Meta(description="entity of the voltage to neutral on line 2, V")] = None
    voltage_l3_v: Annotated[Entity | None, Meta(description="entity of the voltage to neutral on line 3, V")] = None
    import_wh: Annotated[Entity | None, Meta(description="entity of the counter of energy in, Wh")] = None
    export_wh: Annotated[Entity | None, Meta(description="entity of the counter of energy out, Wh")] = None
    soc_pct: Annotated[Entity | None, Meta(description="entity of the state of charge, %")] = None
    temperature_c: Annotated[Entity | None, Meta(description="entity of the temperature, °C")] = None


class HomeassistantMeter(Options, frozen=True, kw_only=True):
    """Any entities of Home Assistant, by its WebSocket API."""

    host: Annotated[Host, Meta(description="host name or address; default port 8123")]
    token_file: Annotated[str, Meta(min_length=1, description="file with a long-lived token; mode 0400")]
    entities: Annotated[EntityFields, Meta(description="which entity tells each value")]
    secure: Annotated[bool, Meta(description="HTTPS")] = False


INVERTERS: tuple[str, ...] = (
    "deye", "foxess", "goodwe", "growatt", "huawei", "sma", "sofar", "solaredge", "sungrow", "victron",
)  # fmt: skip
"""Drivers that are a make's table of Modbus registers."""


def names_file(options: Options | None) -> bool:
    """Tell whether a driver's keys name a file with a secret."""
    if options is None:
        return False
    return any(key.endswith("_file") and getattr(options, key) is not None for key in options.__struct_fields__)


METER_DRIVERS: dict[str, type[Options]] = {
    **dict.fromkeys(INVERTERS, InverterMeter),
    "goodwe": DongleMeter,
    "dsmr": DsmrMeter,
    "dsmr_serial": DsmrSerialMeter,
    "enphase": EnphaseMeter,
    "fronius": FroniusMeter,
    "homeassistant": HomeassistantMeter,
    "homewizard": HomewizardMeter,
    "http_json": HttpJsonMeter,
    "modbus": ModbusMeter,
    "mqtt": MqttMeter,
    "shelly": ShellyMeter,
    "sunspec": SunspecMeter,
    "tasmota": TasmotaMeter,
    "tasmota_mqtt": TasmotaMqttMeter,
}
GIVES_SOC: frozenset[str] = frozenset({*INVERTERS, "fronius", "sunspec"})
"""Meter drivers that tell a battery's state of charge without being told where it stands."""
TOTAL_ONLY: frozenset[str] = frozenset({"growatt"})
"""Meter drivers that tell the grid as a total over all phases."""
PLUG_DRIVERS: dict[str, type[Options]] = {
    "homeassistant": HomeassistantPlug,
    "homewizard": HomewizardPlug,
    "mqtt": MqttPlug,
    "sg_ready": SgReadyPlug,
    "shelly": ShellyPlug,
    "tasmota": TasmotaPlug,
    "tasmota_mqtt": TasmotaMqttPlug,
    "tplink": TplinkPlug,
    "tuya": TuyaPlug,
}
HAS_TIMER: frozenset[str] = frozenset({"relays", "sg_ready", "shelly", "tasmota", "tasmota_mqtt"})
"""Plug drivers whose device switches itself off when nobody re-arms it (faults.md section 2)."""
EXTRAS: dict[str, tuple[str, str]] = {"dsmr_serial": ("serial", "serial"), "tuya": ("tinytuya", "tuya")}
"""Driver → (module it imports, extra to install) for drivers that need an optional extra."""
NEEDS_BROKER: frozenset[str] = frozenset({"mqtt", "tasmota_mqtt"})
"""Drivers that speak over the site's MQTT broker."""
