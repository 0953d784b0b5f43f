"""What goes wrong in the field and what an attacker sends: values, shapes, frames, bytes."""

import json
import random
from typing import Any, Final

ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2, 2**31, 2**53, 2**53 + 1, 10**30, -(2**63), 0.1, -0.0, 1e308, 1e-320, 5e-324,
    "", " ", "0", "-1", "1", " 9.6 ", "1,5", "NaN", "Infinity", "-Infinity", "1e999", "0x10", "true", "null", "\x00",
    "\ufeff", "\u202e", "é" * 300, "x" * 5000, "9" * 400, "A-Z", "L1", "L1-N", "N", "L2-L3", "kW", "mA", "Celcius",
    "Current.Import", "Current.Import.L1", "Energy.Active.Import.Register", "Power.Active.Import", "Voltage",
    "Charging", "SuspendedEV", "Available", "Faulted", "Occupied", "Ended", "Started", "Updated",
    "2026-06-01T12:00:00", "2026-06-01T12:00:00+03", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "1970-01-01T00:00:00Z", "not a time", "2026-13-45T99:99:99Z", [], {}, [[]], [None], [{}], {"": None}, {"a": {}},
    "'; DROP TABLE", "${jndi:ldap://x}", "../../etc/passwd", "%s%s%n", "{0.__class__}", "$SRV.PING", "evenload.>", "*",
)  # fmt: skip
BYTES: Final = (
    b"NaN", b"Infinity", b"-", b"1e", b"\\ud800", b"\\u0000", b"\x00", b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80",
    b"\xef\xbb\xbf", b'"', b"\\", b"[" * 20, b"{" * 20, b"]" * 3, b"}" * 3, b",", b":", b'"a":1,"a":2', b"//", b"\n",
    b"1" * 30, b'{"a":' * 20, b"null", b"e999", b"\r\n\r\n",
)  # fmt: skip
ACTIONS: Final = (
    "",
    "x" * 300,
    "Reset",
    "SetChargingProfile",
    "__init__",
    "on_call",
    "\x00",
    "Heartbeat ",
    "heartbeat",
)


def mutated(payload: Any, chance: random.Random) -> Any:
    """Return the payload with one to three things changed somewhere in it."""
    for _ in range(chance.randint(1, 3)):
        payload = _changed(payload, chance)
    return payload


def _changed(value: Any, chance: random.Random) -> Any:
    """Return `value` changed here, or deeper."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        return _changed_object(value, chance)
    if isinstance(value, list) and value and chance.random() < 0.85:
        place = chance.randrange(len(value))
        kind = chance.random()
        if kind < 0.7:
            return [*value[:place], _changed(value[place], chance), *value[place + 1 :]]
        return value[place] if kind < 0.8 else value * chance.choice((0, 2, 5)) if kind < 0.95 else [value]
    return _replaced(value, chance)


def _changed_object(value: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    key, kind = chance.choice(list(value)), chance.random()
    if kind < 0.75:
        return value | {key: _changed(value[key], chance)}
    rest = {name: part for name, part in value.items() if name != key}
    if kind < 0.85:
        return rest
    if kind < 0.92:
        return rest | {chance.choice((key.upper(), key.lower(), f"{key} ", "", "x" * 200)): value[key]}
    return value | {chance.choice(("extra", "customData", "__class__", "id")): chance.choice(ODD)}


def _replaced(value: Any, chance: random.Random) -> Any:
    kind = chance.random()
    if kind < 0.6:
        return chance.choice(ODD)
    if kind < 0.7:
        return str(value)
    if kind < 0.8:
        return [value]
    if kind < 0.85:
        return {"value": value}
    nested: Any = value
    for _ in range(chance.choice((3, 12, 17, 40))):
        nested = [nested] if chance.random() < 0.5 else {"a": nested}
    return nested


def broken(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with one to four of them changed, cut, doubled, or something put between."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place, kind = chance.randrange(len(found) + 1), chance.random()
        if kind < 0.35 and place < len(found):
            found[place] = chance.randrange(256)
        elif kind < 0.55:
            found[place:place] = chance.choice(BYTES)
        elif kind < 0.7:
            del found[place : place + chance.randint(1, 8)]
        elif kind < 0.8:
            del found[place:]
        elif kind < 0.9:
            found[place:place] = found[max(0, place - 20) : place]
        else:
            found[place:place] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 12)))
    return bytes(found)


def frame_of(kind: Any, message_id: Any, rest: list[Any], chance: random.Random) -> list[Any]:
    """Return a frame, rarely with a wrong kind, id or number of elements."""
    frame = [kind, message_id, *rest]
    wrong = chance.random()
    if wrong < 0.02:
        frame[0] = chance.choice((0, 1, 5, 6, 7, -2, "2", 2.0, None, [], True, 2**70))
    elif wrong < 0.04:
        frame[1] = chance.choice(("", "x" * 36, "x" * 37, 5, None, "\x00", "é", "\n", [], {"a": 1}))
    elif wrong < 0.05:
        frame = frame[: chance.randint(0, 3)]
    elif wrong < 0.06:
        frame.append(chance.choice(ODD))
    elif wrong < 0.07 and len(frame) > 2:
        frame[2] = chance.choice(ACTIONS)
    return frame


def encoded(frame: Any, chance: random.Random) -> bytes:
    """Return the frame as JSON, with or without escapes; what the module writes as NaN stays so."""
    return json.dumps(frame, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
