"""OCPP-J frames: checked before anything is decoded, and written.

A frame is a JSON array: [2, id, action, payload] a call, [3, id, payload] its answer, [4, id, code, text, details] a
refusal; 2.1 adds [5, …], a refused answer, and [6, …], a notice without an answer. Size, nesting and message id are
bounded first (ocpp.md section 4), the payload stays raw bytes until the action's own decoder reads it, so that the hot
path decodes each byte once. OCPP-J 1.6 section 4.
"""

import re
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Raw, Struct

MAX_FRAME_BYTES: Final = 65_536
MAX_FRAME_BEFORE_BOOT_BYTES: Final = 16_384
MAX_FRAME_READ_BYTES: Final = 262_144
"""Beyond this the socket is closed (1009) without reading on; up to it a station gets a proper answer."""
MAX_NESTING: Final = 16
MAX_ID: Final = 36
MAX_INTEGER: Final = 2**53
UNKNOWN_ID: Final = "-1"

CALL, RESULT, ERROR = b"2", b"3", b"4"
RESULT_ERROR, SEND = b"5", b"6"


class PeerProtocolError(Exception):
    """A station broke the protocol; answered with the OCPP `code`."""

    def __init__(self, code: str, what: str, message_id: str = UNKNOWN_ID) -> None:
        self.code, self.what, self.message_id = code, what, message_id

    def __str__(self) -> str:
        return f"{self.code}: {self.what}"


class Call(Struct, frozen=True, gc=False):
    """The station asks; `payload` is raw JSON."""

    message_id: str
    action: str
    payload: Raw


class CallResult(Struct, frozen=True, gc=False):
    """The station answers a call of ours."""

    message_id: str
    payload: Raw


class CallError(Struct, frozen=True, gc=False):
    """The station refuses a call of ours."""

    message_id: str
    code: str
    text: str


class Unasked(Struct, frozen=True, gc=False):
    """2.1: a fault of an answer of ours (5), or a notice that wants no answer (6); that has an `action`."""

    message_id: str
    action: str = ""
    payload: Raw = Raw(b"{}")


Frame = Call | CallResult | CallError | Unasked

_whole_call = msgspec.json.Decoder(
    tuple[Literal[2], Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)], str, Raw]
)
"""A call as it should be, in one go; what does not fit is taken apart to say what is wrong."""
_parts = msgspec.json.Decoder(list[Raw])
_text = msgspec.json.Decoder(str)
_encoder = msgspec.json.Encoder()
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ID_AHEAD = re.compile(rb'\s*\[\s*2\s*,\s*"([!#-\[\]-~ ]{1,36})"')
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def nesting_within(data: bytes, depth: int = MAX_NESTING) -> bool:
    """Tell whether brackets match and nest at most `depth` deep; text in strings does not count.

    Works by removing innermost pairs, one level a round: all in C, and bounded by `depth` rounds.
    """
    if data.count(b"{") + data.count(b"[") <= depth:
        return True
    outside = _STRING.sub(b"", data) if b"\\" in data else b"".join(data.split(b'"')[::2])
    brackets = outside.translate(None, _NO_BRACKETS)
    for _ in range(depth):
        shorter = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return not brackets


def id_ahead(data: bytes) -> str:
    """Return the message id at the start of a frame that cannot be read whole, "-1" when there is none."""
    found = _ID_AHEAD.match(data)
    return found.group(1).decode("ascii") if found else UNKNOWN_ID


def _message_id(raw: Raw) -> str:
    try:
        message_id = _text.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PeerProtocolError("FormationViolation", "message id is not a text") from None
    if not 0 < len(message_id) <= MAX_ID or not message_id.isprintable():
        raise PeerProtocolError("FormationViolation", f"message id is not 1 to {MAX_ID} printable characters")
    return message_id


def _check_bounds(data: bytes, limit_bytes: int) -> None:
    if len(data) > limit_bytes:
        raise PeerProtocolError(
            "FormationViolation", f"frame of {len(data)} bytes, allowed {limit_bytes}", id_ahead(data)
        )
    if not nesting_within(data):
        raise PeerProtocolError(
            "FormationViolation", f"nested deeper than {MAX_NESTING}, or open brackets", id_ahead(data)
        )


def _split(data: bytes) -> list[Raw]:
    try:
        return _parts.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise PeerProtocolError("FormationViolation", f"not a JSON array: {fault}", id_ahead(data)) from None


def parse(data: bytes, limit_bytes: int = MAX_FRAME_BYTES) -> Frame:
    """Return the frame; raise `PeerProtocolError` with the code and the id to answer under."""
    _check_bounds(data, limit_bytes)
    try:
        _, message_id, action, payload = _whole_call.decode(data)
        if message_id.isprintable():
            return Call(message_id, action, payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return _taken_apart(data)


def _taken_apart(data: bytes) -> Frame:
    """Return an answer, a notice, or a call that is not as it should be; raise `PeerProtocolError`."""
    parts = _split(data)
    kind = bytes(parts[0]).strip() if parts else b""
    if kind not in (CALL, RESULT, ERROR, RESULT_ERROR, SEND) or len(parts) < 3:
        raise PeerProtocolError("FormationViolation", "expected [2|3|4, id, …]", id_ahead(data))
    message_id = _message_id(parts[1])
    if kind in (RESULT_ERROR, SEND):
        return Unasked(message_id) if kind == RESULT_ERROR else _notice(message_id, parts)
    if kind == RESULT:
        return CallResult(message_id, parts[2])
    try:
        word = _text.decode(parts[2])
        if kind == ERROR:
            return CallError(message_id, word, _text.decode(parts[3]) if len(parts) > 3 else "")
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PeerProtocolError("FormationViolation", "action or error code is not a text", message_id) from None
    if len(parts) != 4:
        raise PeerProtocolError("FormationViolation", "a call has four elements", message_id)
    return Call(message_id, word, parts[3])


def _notice(message_id: str, parts: list[Raw]) -> Unasked:
    try:
        return Unasked(message_id, _text.decode(parts[2]), parts[3]) if len(parts) == 4 else Unasked(message_id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Unasked(message_id)


def write_call(message_id: str, action: str, payload: Any) -> bytes:
    """Return the frame of a call of ours."""
    return _encoder.encode((2, message_id, action, payload))


def write_result(message_id: str, payload: Any) -> bytes:
    """Return the frame of an answer."""
    return _encoder.encode((3, message_id, payload))


def write_error(message_id: str, code: str, text: str) -> bytes:
    """Return the frame of a refusal; the text is cut at the 255 characters OCPP allows."""
    return _encoder.encode((4, message_id, code, text[:255], {}))
