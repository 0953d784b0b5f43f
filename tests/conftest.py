"""Every frame that the gateway's cores make in any test of this process is held against the official OCPP schemas.

The dialects are watched, not replaced: unit tests, scenarios, seeded simulations and gateways on sockets all go through
them. Gateways in processes of their own speak to stations of the `ocpp` package, which check each frame themselves.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import force_setattr

from services.ocpp_gateway.dialect import DIALECTS, Dialect
from tests.unit.ocpp_gateway.schemas import valid_answer, valid_call

Step = Callable[..., Any]
FAULTS: list[str] = []
"""What was wrong since the test began: an exception in a socket's callback fails no test by itself."""


def _held_against(check: Callable[[], None]) -> None:
    try:
        check()
    except AssertionError as fault:
        FAULTS.append(str(fault))
        raise


def _answers(dialect: Dialect, step: Step) -> Step:
    def on_call(station: Any, action: str, payload: Any, moment: Any) -> Any:
        handled = step(station, action, payload, moment)
        _held_against(lambda: valid_answer(dialect.version, action, handled.payload))
        return handled

    return on_call


def _calls(dialect: Dialect, step: Step) -> Step:
    def next_call(station: Any, moment: Any) -> Any:
        found, flight = step(station, moment)
        if flight is not None:
            _held_against(lambda: valid_call(dialect.version, flight.action, flight.payload))
        return found, flight

    return next_call


@pytest.fixture(scope="session", autouse=True)
def official_frames() -> Iterator[None]:
    """Watch all three dialects for the whole run."""
    before = [(dialect, dialect.on_call, dialect.next_call) for dialect in DIALECTS.values()]
    for dialect, on_call, next_call in before:
        force_setattr(dialect, "on_call", _answers(dialect, on_call))
        force_setattr(dialect, "next_call", _calls(dialect, next_call))
    yield
    for dialect, on_call, next_call in before:
        force_setattr(dialect, "on_call", on_call)
        force_setattr(dialect, "next_call", next_call)


@pytest.fixture(autouse=True)
def only_official_frames() -> Iterator[None]:
    """Fail a test in which a frame was not as the standard wants it, wherever it was made."""
    FAULTS.clear()
    yield
    found, FAULTS[:] = list(FAULTS), []
    assert not found, found
