"""Where each make of inverter says what it is, for those without a SunSpec list. Pure."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from evenload.devices.registers import Kind


class Mark(Struct, frozen=True, kw_only=True):
    """What is asked, and what the answer says: the device's title, empty when it is another's."""

    driver: str
    unit: int
    kind: Kind
    registers: range
    tells: Callable[[Sequence[int]], str]
    roles: tuple[str, ...] = ("grid", "solar", "battery")


def text_of(words: Sequence[int]) -> str:
    """Return the text in registers, two letters in each, up to its end; empty when it is none."""
    raw = b"".join(word.to_bytes(2, "big") for word in words).split(b"\0", 1)[0].strip()
    return raw.decode("ascii") if raw.isascii() and raw.decode("ascii").isprintable() else ""


def _named(title: str, *starts: str) -> Callable[[Sequence[int]], str]:
    return lambda words: f"{title} {text_of(words)}" if text_of(words).startswith(starts) else ""


def _number(title: str, first: int, last: int) -> Callable[[Sequence[int]], str]:
    return lambda words: title if first <= words[-1] <= last and not any(words[:-1]) else ""


def _serial(title: str, length: int) -> Callable[[Sequence[int]], str]:
    return lambda words: title if len(text_of(words)) >= length and text_of(words).isalnum() else ""


MARKS: tuple[Mark, ...] = (
    Mark(driver="huawei", unit=1, kind="holding", registers=range(30_000, 30_015), tells=_named("Huawei", "SUN2000")),
    Mark(
        driver="sungrow", unit=1, kind="input", registers=range(4_999, 5_000), tells=_number("Sungrow SH", 0xD00, 0xEFF)
    ),
    Mark(driver="sofar", unit=1, kind="holding", registers=range(0x0445, 0x044C), tells=_named("Sofar", "S")),
    Mark(driver="deye", unit=1, kind="holding", registers=range(3, 8), tells=_serial("Deye, Sunsynk", 10)),
    Mark(driver="victron", unit=100, kind="input", registers=range(800, 806), tells=_serial("Victron GX", 10)),
    Mark(driver="sma", unit=3, kind="input", registers=range(30_051, 30_053), tells=_number("SMA", 8_000, 8_010)),
    Mark(
        driver="foxess", unit=247, kind="holding", registers=range(30_000, 30_016), tells=_named("FoxESS", "H3", "KH")
    ),
    Mark(driver="goodwe", unit=247, kind="holding", registers=range(35_003, 35_011), tells=_serial("GoodWe", 14)),
)
"""In this order; a unit that did not answer once is not asked again."""
