"""The keys that each plug driver takes in the site file, one struct a driver."""

from typing import Annotated, Literal

from msgspec import Meta

from evenload.site.driver_keys import Entity, Host, JsonPath, Options, TasmotaTopic, Timeout


class HomeassistantPlug(Options, frozen=True, kw_only=True):
    """A switch of Home Assistant, by its WebSocket API."""

    host: Annotated[Host, Meta(description="host name or address; default port 8123")]
    token_file: Annotated[str, Meta(min_length=1, description="file with a long-lived token; mode 0400")]
    entity: Annotated[Entity, Meta(description="the switch, as switch.heater")]
    power_entity: Annotated[Entity | None, Meta(description="sensor of its power, W or kW; none = not measured")] = None
    secure: Annotated[bool, Meta(description="HTTPS")] = False


class ShellyPlug(Options, frozen=True, kw_only=True):
    """Shelly relay with its auto-off timer: Gen1 `/relay/N?timer=`, later `/rpc/Switch.Set` with `toggle_after`."""

    host: Host
    generation: Annotated[Literal[1, 2], Meta(description="1: by /relay; 2: Gen2 and later, by /rpc")] = 2
    channel: Annotated[int, Meta(ge=0, le=8, description="the device's channel, from 0")] = 0
    timeout_s: Timeout = 2.0


class TasmotaPlug(Options, frozen=True, kw_only=True):
    """Tasmota over HTTP `/cm?cmnd=…`, with PulseTime as its auto-off timer."""

    host: Host
    channel: Annotated[int, Meta(ge=1, le=8, description="the device's relay, from 1")] = 1
    timeout_s: Timeout = 2.0


class TasmotaMqttPlug(Options, frozen=True, kw_only=True):
    """Tasmota over MQTT: `cmnd/TOPIC/…` and `stat/TOPIC/…`, with PulseTime as its auto-off timer."""

    topic: TasmotaTopic
    channel: Annotated[int, Meta(ge=1, le=8, description="the device's relay, from 1")] = 1
    timeout_s: Timeout = 2.0


class TplinkPlug(Options, frozen=True, kw_only=True):
    """TP-Link Kasa plugs with the local protocol on port 9999 (HS100, HS110, KP115 …)."""

    host: Host
    timeout_s: Timeout = 2.0


class TuyaPlug(Options, frozen=True, kw_only=True):
    """Tuya plugs by their local protocol."""

    host: Host
    device_id: Annotated[str, Meta(min_length=8, max_length=64, description="id of the device")]
    key_file: Annotated[str, Meta(min_length=1, description="file with its local key, relative to the site file")]
    version: Annotated[Literal["3.1", "3.3", "3.4", "3.5"], Meta(description="protocol of the device")] = "3.3"
    timeout_s: Timeout = 5.0


class HomewizardPlug(Options, frozen=True, kw_only=True):
    """HomeWizard energy socket, local API v1; it has no timer of its own."""

    host: Host
    timeout_s: Timeout = 2.0


class MqttPlug(Options, frozen=True, kw_only=True):
    """Any relay on MQTT."""

    command_topic: Annotated[str, Meta(min_length=1, description="topic that switches it")]
    state_topic: Annotated[str, Meta(min_length=1, description="topic that says whether it is on")]
    power_topic: Annotated[str | None, Meta(description="topic of its measured power, W; none = not measured")] = None
    state_path: Annotated[JsonPath, Meta(description="path in the state payload; empty = whole payload")] = ""
    power_path: Annotated[JsonPath, Meta(description="path in the power payload; empty = whole payload")] = ""
    on: Annotated[str, Meta(description="payload for on")] = "ON"
    off: Annotated[str, Meta(description="payload for off")] = "OFF"


SgState = Literal["block", "normal", "recommend", "force"]


class SgReadyPlug(Options, frozen=True, kw_only=True):
    """SG Ready heat pumps and boilers by two relays of one device."""

    host: Host
    relays: Annotated[Literal["shelly", "tasmota"], Meta(description="kind of the device with the two relays")] = (
        "shelly"
    )
    channel_1: Annotated[int, Meta(ge=0, le=8, description="relay on the first contact (block)")] = 0
    channel_2: Annotated[int, Meta(ge=0, le=8, description="relay on the second contact (recommend)")] = 1
    on_state: Annotated[SgState, Meta(description="what it is told when it may draw: recommend or force")] = "recommend"
    off_state: Annotated[SgState, Meta(description="what it is told otherwise: normal or block")] = "normal"
    timeout_s: Timeout = 2.0
