"""Kinds of keys that several drivers have in the site file."""

from typing import Annotated

from msgspec import Meta, Struct


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys of one driver."""


Host = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z0-9._\-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$",
        description="host name or address, optionally with :port; an IPv6 address in brackets",
    ),
]
Timeout = Annotated[float, Meta(ge=0.1, le=60, description="wait for an answer, s")]

_KEY, _BRACKETS = r"[^.\[\]]+", r'\[(?:[0-9]{1,4}|"[^"]+")\]'
PATH_PATTERN = rf"^(?:(?:{_KEY}|{_BRACKETS})(?:\.{_KEY}|\.?{_BRACKETS})*)?$"
"""Of a dotted path as `a.b[0].c`, or `a["b.c"]` for a key with a dot; the empty path is the whole document."""
JsonPath = Annotated[str, Meta(pattern=PATH_PATTERN)]
UnitId = Annotated[int, Meta(ge=0, le=255, description="Modbus unit id")]
TasmotaTopic = Annotated[str, Meta(pattern=r"^[^+#/ ]{1,64}$", description="the device's topic, as in cmnd/TOPIC/…")]
Entity = Annotated[str, Meta(pattern=r"^[a-z_]+[.][a-z0-9_]+$")]
