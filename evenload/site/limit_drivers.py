"""The keys that each kind of feed of an outside limit takes in the site file, one struct a driver."""

from typing import Annotated, Literal

from msgspec import Meta, field

from evenload.site.driver_keys import Entity, Host, JsonPath, Options, Timeout, UnitId
from evenload.site.drivers import Register

CONTACT_PATTERN = r"^(coil|discrete) [0-9]{1,5}$"
_VALUE = "path of the limit, or of the contact's state; the empty path is the whole payload"
_ACTIVE = "path of whether the limit is in force; none = it is while a number stands there"
_BEAT = "path of a counter or time that must change: while it stands still the source behind is taken for dead"


class MqttLimit(Options, frozen=True, kw_only=True):
    """A topic with a number, a contact's state, or a JSON document."""

    topic: Annotated[str, Meta(min_length=1, description="topic of the limit")]
    value: Annotated[JsonPath, Meta(description=_VALUE)] = ""
    active: Annotated[JsonPath | None, Meta(description=_ACTIVE)] = None
    beat: Annotated[JsonPath | None, Meta(description=_BEAT)] = None
    heartbeat_topic: Annotated[
        str | None, Meta(description="topic on which any message is a sign of life; none = those of the limit are")
    ] = None
    scale: Annotated[float, Meta(gt=0, le=1e6, description="multiplies the limit: 1000 for kW")] = 1.0


class HttpJsonLimit(Options, frozen=True, kw_only=True):
    """An HTTP endpoint that answers with JSON; each answer is a sign of life."""

    url: Annotated[str, Meta(pattern=r"^https?://", description="address that answers with JSON")]
    value: Annotated[JsonPath, Meta(description=_VALUE)] = ""
    active: Annotated[JsonPath | None, Meta(description=_ACTIVE)] = None
    beat: Annotated[JsonPath | None, Meta(description=_BEAT)] = None
    scale: Annotated[float, Meta(gt=0, le=1e6, description="multiplies the limit: 1000 for kW")] = 1.0
    timeout_s: Timeout = 5.0
    headers: Annotated[dict[str, str], Meta(description="HTTP headers to send")] = field(default_factory=dict)


class ShellyLimit(Options, frozen=True, kw_only=True):
    """A relay contact on an input of a Shelly: `Input.GetStatus`, Gen1 `/status`."""

    host: Host
    input: Annotated[int, Meta(ge=0, le=8, description="the device's input, from 0")] = 0
    generation: Annotated[Literal[1, 2], Meta(description="1: by /status; 2: Gen2 and later, by /rpc")] = 2
    timeout_s: Timeout = 2.0


class ModbusLimit(Options, frozen=True, kw_only=True):
    """A contact or a limit in W over Modbus TCP; one of `bit` and `register`."""

    host: Host
    bit: Annotated[
        Annotated[str, Meta(pattern=CONTACT_PATTERN)] | None,
        Meta(description="where a contact's state stands: `coil 3` or `discrete 3`"),
    ] = None
    register: Annotated[Register | None, Meta(description="where the limit stands, W: `holding 100 uint16 x100`")] = (
        None
    )
    unit: UnitId = 1
    pause_s: Annotated[float, Meta(ge=0, le=5, description="pause after each answer, s")] = 0.0
    timeout_s: Timeout = 2.0


class HomeassistantLimit(Options, frozen=True, kw_only=True):
    """An entity of Home Assistant: a binary_sensor or switch as a contact, a sensor or number with W or kW."""

    host: Annotated[Host, Meta(description="host name or address; default port 8123")]
    token_file: Annotated[str, Meta(min_length=1, description="file with a long-lived token; mode 0400")]
    entity: Annotated[Entity, Meta(description="the entity that tells the limit or the contact")]
    secure: Annotated[bool, Meta(description="HTTPS")] = False


class BusLimit(Options, frozen=True, kw_only=True):
    """The source publishes `SiteLimit` on the bus itself; what it leaves out holds as written here."""


LIMIT_DRIVERS: dict[str, type[Options]] = {
    "bus": BusLimit,
    "homeassistant": HomeassistantLimit,
    "http_json": HttpJsonLimit,
    "modbus": ModbusLimit,
    "mqtt": MqttLimit,
    "shelly": ShellyLimit,
}
CONTACT_DOMAINS = ("binary_sensor.", "switch.", "input_boolean.")
"""Entities of Home Assistant that are a contact."""


def tells_a_contact(options: Options | None) -> bool:
    """Tell whether what a feed tells can only be a contact."""
    if isinstance(options, ShellyLimit):
        return True
    if isinstance(options, ModbusLimit):
        return options.bit is not None
    return isinstance(options, HomeassistantLimit) and options.entity.startswith(CONTACT_DOMAINS)
