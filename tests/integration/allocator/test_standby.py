"""Allocator processes that die, hang, leave and join under load: another goes on, and nobody obeys the one before.

Real processes on a real nats-server, with a gateway, a plug and charging cars (`fleet.py`). Bounds are faults.md 2.
"""

import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from evenload.contracts import subjects
from evenload.contracts.events import Setpoint
from evenload.runtime.ownership import owned
from tests.integration.allocator.fleet import CARS, Fleet, fleet
from tests.integration.system.processes import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
TAKEOVER_S, ORDERLY_S = 8.0, 3.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """Four sites and two allocator processes."""
    async with fleet(tmp_path_factory.mktemp("fleet")) as found:
        await found.start()
        await found.start()
        yield found


async def the_busiest(here: Fleet) -> tuple[str, tuple[str, ...]]:
    """Return the process with the most sites, and these."""
    owners = await here.owners()
    return max(owners.items(), key=lambda each: len(each[1]))


def unharmed(here: Fleet, place: int) -> None:
    """Check that no car was stopped since then, no breaker overloaded, and no former owner obeyed."""
    assert here.stopped(place) == []
    assert here.broken() == []
    assert here.applied.stale == []


async def test_sites_are_divided_over_the_processes_and_move_as_these_come_and_go(here: Fleet) -> None:
    place = here.stations.now()
    third = await here.start()
    owners = await here.owners()
    assert sorted(site for sites in owners.values() for site in sites) == here.names
    assert all(set(sites) == owned(key, owners, here.names) for key, sites in owners.items())
    await here.end(third)
    await here.shared()
    unharmed(here, place)


async def test_a_killed_owner_is_replaced_within_8_s(here: Fleet) -> None:
    place, (victim, sites) = here.stations.now(), await the_busiest(here)
    killed_s = await here.end(victim, signal.SIGKILL)
    assert await here.taken_over(sites, killed_s) <= TAKEOVER_S
    unharmed(here, place)
    await here.start()


async def test_an_owner_that_hung_sends_nothing_under_its_old_epoch_when_it_goes_on(here: Fleet) -> None:
    place, (victim, sites) = here.stations.now(), await the_busiest(here)
    stopped_s = here.give(victim, signal.SIGSTOP)
    try:
        assert await here.taken_over(sites, stopped_s) <= TAKEOVER_S
    finally:
        here.give(victim, signal.SIGCONT)
    await here.shared()
    unharmed(here, place)


async def test_an_owner_that_is_told_to_end_hands_over_at_once(here: Fleet) -> None:
    place, (victim, sites) = here.stations.now(), await the_busiest(here)
    ended_s = await here.end(victim)
    assert await here.taken_over(sites, ended_s) <= ORDERLY_S
    unharmed(here, place)
    await here.start()


@pytest.mark.parametrize("load", [*CARS, "heater"])
async def test_a_setpoint_of_a_lower_epoch_is_refused_by_gateway_and_plug_control(here: Fleet, load: str) -> None:
    site, applied = here.names[0], here.applied

    def state() -> Any:
        return applied.states.get(f"{site}/{load}", {"epoch": 0})

    await until(lambda: state()["epoch"] == here.epochs[site], 12, "the owner's setpoint is in force")
    other_a = 0.0 if state()["setpoint_a"] else 1.0
    forged = Setpoint(
        site=site, load=load, setpoint_a=other_a, issued_at=datetime.now(UTC), epoch=here.epochs[site] - 1
    )
    heard = state()
    here.bus.publish(subjects.setpoint(site, load), forged)
    await until(lambda: state() is not heard, 12, "its state is told again")
    assert state()["setpoint_a"] != other_a
    assert applied.stale == []
