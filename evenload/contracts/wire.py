"""Encoding and checked decoding of what crosses the bus. Whatever is read is hostile until it passed here."""

from typing import Any, TypeVar

import msgspec

from evenload.contracts.phases import PerPhase

T = TypeVar("T")
MAX_MESSAGE_BYTES = 1_000_000


class ContractError(Exception):
    """A bus message that does not keep the contract; count it, log it rarely, drop it."""

    def __init__(self, subject: str, wanted: str, fault: str) -> None:
        self.subject, self.wanted, self.fault = subject, wanted, fault

    def __str__(self) -> str:
        return f"{self.subject}: not a {self.wanted}: {self.fault}; dropped, fix its publisher"


_ENCODER = msgspec.json.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    """Return `message` as JSON bytes; equal structs give equal bytes."""
    return _ENCODER.encode(message)


class Codec:
    """Decodes one type (or union) and names it in errors."""

    def __init__(self, wanted: Any, name: str) -> None:
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(wanted)
        self.name = name

    def decode(self, data: bytes, subject: str = "?") -> Any:
        """Return the checked struct; raise `ContractError` for anything else."""
        if len(data) > MAX_MESSAGE_BYTES:
            raise ContractError(subject, self.name, f"{len(data)} bytes")
        try:
            found = self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise ContractError(subject, self.name, str(fault)) from fault
        return found


def decode_as(wanted: type[T], data: bytes, subject: str = "?") -> T:
    """Return `data` decoded as the struct `wanted`; raise `ContractError`. For rare messages; keep a `Codec` else."""
    found: T = Codec(wanted, wanted.__name__).decode(data, subject)
    return found


def finite(values: PerPhase | None, bound_a: float = 10_000.0) -> bool:
    """Tell whether all values are finite and within ± bound."""
    return values is None or all(-bound_a <= value <= bound_a for _, value in values.items())
