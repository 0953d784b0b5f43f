"""When certificates run out, read from their PEM text. Pure.

    Certificate ::= SEQUENCE { tbs SEQUENCE { [0] version OPTIONAL, serial, algorithm, issuer, validity, … }, … }
    validity ::= SEQUENCE { notBefore, notAfter }, each UTCTime (YYMMDDhhmmssZ) or GeneralizedTime (YYYYMMDDhhmmssZ)

Only as much of DER as leads there (RFC 5280 section 4.1); the TLS library has checked the rest before.
"""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Final

VERSION, UTC_TIME, GENERALIZED_TIME = 0xA0, 0x17, 0x18
FIRST_YEAR: Final = 50
"""Two digits from 50 on are of the 1900s (RFC 5280 section 4.1.2.5.1)."""

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def expires_s(pem: str) -> float | None:
    """Return when the first of the certificates in `pem` ends, UNIX seconds; None when there is none that reads."""
    ends = [_end_s(body) for body in _CERTIFICATE.findall(pem)]
    return min((end for end in ends if end is not None), default=None)


def _end_s(body: str) -> float | None:
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
        _, fields, _ = _element(_element(der)[1])
        before = 4 if _element(fields)[0] == VERSION else 3  # version, serial, algorithm, issuer
        for _ in range(before):
            fields = _element(fields)[2]
        _, _, rest = _element(_element(fields)[1])
        kind, value, _ = _element(rest)
        return _time(kind, value.decode("ascii")).timestamp()
    except (ValueError, IndexError, binascii.Error):
        return None


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Return kind, content and what follows of the first element; raises `IndexError`, `ValueError`."""
    kind, length, start = der[0], der[1], 2
    if length >= 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if len(der) < start + length:
        raise ValueError("cut off")
    return kind, der[start : start + length], der[start + length :]


def _time(kind: int, value: str) -> datetime:
    if kind == UTC_TIME:
        value = ("19" if int(value[:2]) >= FIRST_YEAR else "20") + value
    elif kind != GENERALIZED_TIME:
        raise ValueError("no time")
    return datetime.strptime(value, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
