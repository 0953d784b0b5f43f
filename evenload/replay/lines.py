"""The form of a record: JSON lines, first what it is, then each event as it was published, in the order of the stream.

    {"type":"Record","format":1,"made_at":"…","made_by":"evenload 0.1.0","source":"history"}
    {"subject":"evenload.site.home.reading.p1","event":{"type":"MeterReading",…}}

The event's bytes are those that were published, so that a replayed decision can be compared byte for byte. Pure.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from evenload.contracts.units import Utc

FORMAT = 1
Source = Literal["history", "simulation"]


class NotARecord(Exception):
    """The file is not a record; `line` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        self.line, self.why = line, why

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


class Header(Struct, frozen=True, kw_only=True, tag="Record", tag_field="type"):
    """The first line of a record."""

    format: Annotated[int, Meta(ge=1)] = FORMAT
    made_at: Utc
    made_by: str
    source: Source


class Line(Struct, frozen=True):
    """Every other line."""

    subject: str
    event: Raw


_HEADER = msgspec.json.Decoder(Header)
_LINE = msgspec.json.Decoder(Line)
_ENCODER = msgspec.json.Encoder()


def header_line(made_at: datetime, made_by: str, source: Source) -> bytes:
    """Return the first line, with its end."""
    return _ENCODER.encode(Header(made_at=made_at, made_by=made_by, source=source)) + b"\n"


def event_line(subject: str, data: bytes) -> bytes | None:
    """Return the line of an event, with its end; None when `data` is not JSON and no replay could use it."""
    try:
        msgspec.json.decode(data, type=Raw)
        whole = data if b"\n" not in data and b"\r" not in data else msgspec.json.format(data, indent=-1)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _ENCODER.encode(Line(subject, Raw(whole))) + b"\n"


def read_header(data: bytes) -> Header:
    """Return what the first line says. Raises `NotARecord`."""
    try:
        header = _HEADER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise NotARecord(1, f"not the first line of a record: {fault}") from fault
    if header.format != FORMAT:
        raise NotARecord(1, f"format {header.format}, this version reads {FORMAT}")
    return header


def read_line(data: bytes, number: int) -> Line:
    """Return an event's line. Raises `NotARecord`."""
    try:
        return _LINE.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise NotARecord(number, str(fault)) from fault
