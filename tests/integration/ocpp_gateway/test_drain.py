"""A gateway that is replaced: its stations go to the other one, a few at a time, and nothing is lost or doubled."""

import asyncio
import signal
from pathlib import Path

import pytest

from services.ocpp_gateway.pacing import drain_pause_s
from tests.integration.system.processes import until
from tests.kill.rollout import fleet, most_within, roll_out

STATIONS = 60
DRAIN_PCT = 600.0
SLACK_S = 1.0
"""A closed socket may be noticed this much later than another."""


async def test_a_gateway_that_is_replaced_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with fleet(tmp_path, DRAIN_PCT, STATIONS) as found:
        result = await roll_out(found, DRAIN_PCT)
    assert result.faults == []
    assert all(len(holder.started) == 1 for holder in found.holders)
    least_s = (len(result.left_s) - 1) * drain_pause_s(STATIONS, DRAIN_PCT) - SLACK_S
    assert max(result.left_s) - min(result.left_s) > least_s


async def test_told_again_it_ends_at_once(tmp_path: Path) -> None:
    async with fleet(tmp_path, DRAIN_PCT, STATIONS) as found:
        stopping = asyncio.Event()
        living = asyncio.create_task(found.holders[0].client.run(stopping))
        (gateway,) = found.gateways
        await until(lambda: found.holders[0].connects, 20, "a station is connected")
        gateway.give(signal.SIGTERM)
        await until(lambda: "are let go" in gateway.text, 5, "the gateway lets stations go")
        gateway.give(signal.SIGTERM)
        assert await asyncio.wait_for(gateway.process.wait(), 5) == 0
        stopping.set()
        await living


def test_the_most_that_went_within_a_minute_is_counted_over_any_minute() -> None:
    assert most_within((0.0, 50.0, 59.0, 61.0, 200.0), 60.0) == 3
    assert most_within((), 60.0) == 0


@pytest.mark.parametrize(
    ("fleet_number", "pct", "pause_s"), [(60, 10, 10.2), (10_000, 10, 0.0612), (3, 10, 60), (0, 10, 60)]
)
def test_the_pace_is_a_share_of_the_fleet_and_one_a_minute_at_least(
    fleet_number: int, pct: float, pause_s: float
) -> None:
    assert drain_pause_s(fleet_number, pct) == pytest.approx(pause_s)
