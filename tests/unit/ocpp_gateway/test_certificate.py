"""When certificates end: read from real ones, and from what is none."""

import ssl
from base64 import b64encode
from pathlib import Path

import pytest

from services.ocpp_gateway.certificate import expires_s

PEM = Path(__file__).parents[2] / "integration" / "ocpp_gateway" / "pem"
SERIAL = b"\x02\x01\x05"
EMPTY = b"\x30\x00"
FROM = b"\x17\x0d200101000000Z"


def element(kind: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return bytes((kind, 0x81, len(content))) + content


def pem(*fields: bytes) -> str:
    body = b64encode(element(0x30, element(0x30, *fields))).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def until(kind: int, text: str) -> bytes:
    return element(0x30, FROM, element(kind, text.encode()))


@pytest.mark.parametrize("name", ["server", "ca", "CP001"])
def test_the_end_of_a_real_certificate_is_read(name: str) -> None:
    assert expires_s((PEM / f"{name}.pem").read_text()) == ssl.cert_time_to_seconds("Oct 30 08:57:17 2126 GMT")


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        (0x17, "300301120000Z", "Mar  1 12:00:00 2030 GMT"),
        (0x17, "990301120000Z", "Mar  1 12:00:00 1999 GMT"),
        (0x18, "20600301120000Z", "Mar  1 12:00:00 2060 GMT"),
    ],
)
def test_both_kinds_of_time_are_read_with_and_without_a_version(kind: int, text: str, told: str) -> None:
    fields = (SERIAL, EMPTY, EMPTY, until(kind, text))
    version = element(0xA0, b"\x02\x01\x02")
    assert expires_s(pem(*fields)) == expires_s(pem(version, *fields)) == ssl.cert_time_to_seconds(told)


def test_of_a_chain_the_first_end_counts() -> None:
    late, soon = (pem(SERIAL, EMPTY, EMPTY, until(0x17, f"{year}0101000000Z")) for year in ("40", "30"))
    assert expires_s(late + soon) == expires_s(soon)


def test_what_is_no_certificate_has_no_end() -> None:
    whole = (PEM / "ca.pem").read_text()
    for text in ("", "nothing", pem(), pem(SERIAL, EMPTY), whole.replace("MII", "M?I"), pem(EMPTY, EMPTY, EMPTY)):
        assert expires_s(text) is None
