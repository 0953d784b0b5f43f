"""Every frame of ours is held against the official schemas, in every test; here the watch itself is tried."""

import pytest
from msgspec import Raw
from msgspec.structs import replace

from services.ocpp_gateway.dialect import DIALECTS, Dialect
from tests import conftest
from tests.unit.ocpp_gateway.builders import at, station


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda each: each.version)
def test_a_call_that_the_standard_does_not_know_fails_the_test(dialect: Dialect) -> None:
    found = station()
    assert found.link is not None
    asked = replace(found, link=replace(found.link, asked=("Reset", {"type": "Gently"}), state="reading"))
    with pytest.raises(AssertionError, match=f"OCPP {dialect.version} Reset"):
        dialect.next_call(asked, at(0.0))
    assert len(conftest.FAULTS) == 1
    conftest.FAULTS.clear()


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda each: each.version)
def test_every_answer_passes_the_watch(dialect: Dialect) -> None:
    handled = dialect.on_call(station(), "BootNotification", Raw(b"{}"), at(0.0))
    assert handled.payload["status"] == "Accepted"
