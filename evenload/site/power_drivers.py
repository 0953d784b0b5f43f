"""The keys of the drivers that set a power: by MQTT, HTTP and Modbus."""

from typing import Annotated, Literal

from msgspec import Meta, field

from evenload.site.driver_keys import Host, JsonPath, Options, Timeout, UnitId
from evenload.site.drivers import Register

Template = Annotated[str, Meta(pattern=r"\{value\}")]


class MqttPower(Options, frozen=True, kw_only=True):
    """A power set on MQTT."""

    command_topic: Annotated[str, Meta(min_length=1, description="topic that sets it")]
    state_topic: Annotated[str, Meta(min_length=1, description="topic that says what is set")]
    state_path: Annotated[JsonPath, Meta(description="path in the state payload; empty = whole payload")] = ""
    power_topic: Annotated[str | None, Meta(description="topic of its measured power, W; none = not measured")] = None
    power_path: Annotated[JsonPath, Meta(description="path in the power payload; empty = whole payload")] = ""
    payload: Annotated[Template, Meta(description="what is sent; {value} is the number")] = "{value}"
    scale: Annotated[float, Meta(gt=0, le=1e6, description="its number for each W, both ways: 0.001 for kW")] = 1.0


class HttpPower(Options, frozen=True, kw_only=True):
    """A power set by an HTTP request."""

    url: Annotated[str, Meta(pattern=r"^https?://", description="address that sets it; {value} is the number")]
    method: Annotated[Literal["GET", "POST", "PUT"], Meta(description="how it is asked")] = "GET"
    body: Annotated[str | None, Meta(description="what is sent with POST and PUT; {value} is the number")] = None
    state_url: Annotated[str, Meta(pattern=r"^https?://", description="address that answers with JSON")]
    state_path: Annotated[JsonPath, Meta(description="where in it stands what is set")]
    power_path: Annotated[JsonPath | None, Meta(description="where its measured power stands, W; none = nowhere")] = (
        None
    )
    scale: Annotated[float, Meta(gt=0, le=1e6, description="its number for each W, both ways: 0.001 for kW")] = 1.0
    headers: Annotated[dict[str, str], Meta(description="HTTP headers to send")] = field(default_factory=dict)
    timeout_s: Timeout = 2.0


class ModbusPower(Options, frozen=True, kw_only=True):
    """A power set in a register over Modbus TCP."""

    host: Host
    unit: UnitId = 1
    register: Annotated[Register, Meta(description="holding register that sets it, as holding 1000 uint16, in W")]
    power: Annotated[Register | None, Meta(description="register of its measured power, W; none = not measured")] = None
    timeout_s: Timeout = 2.0


POWER_DRIVERS: dict[str, type[Options]] = {"http_json": HttpPower, "modbus": ModbusPower, "mqtt": MqttPower}
