"""What dies, is stopped or overloads: safe at once or within the leases, and whole again without anybody."""

import signal

import pytest

from tests.integration.system.processes import children, until
from tests.integration.system.system import FAILSAFE_A, LOAD, SERVICES, SITE, Home

pytestmark = pytest.mark.asyncio(loop_scope="module")
SUN_W, MOST_A = 8000.0, 7.7
"""So much sun that beside house and heater 7.6 A are left on L1 for the car."""
METER_S, LEASE_S, STEP_S = 15.0, 17.0, 3.0


async def sunny(home: Home) -> None:
    """Return when the car draws more than its failsafe current, from the sun, and the heater is on."""
    home.house.sun_w = SUN_W
    await home.limit(FAILSAFE_A + 0.1, MOST_A, within_s=60)
    await until(lambda: home.draws_a()[0] > FAILSAFE_A and home.house.heater_w > 0, 15, "car and heater draw")


def limits_since(home: Home, place: int) -> set[float]:
    """Return what the station let its vehicle draw since then."""
    return {float(each["limit_a"]) for each in home.station.events("limit", place)} | {home.limit_a}


@pytest.mark.parametrize("victim", [*SERVICES, "nats-server"])
async def test_a_killed_process_is_replaced_and_the_car_charges_on(home: Home, victim: str) -> None:
    await sunny(home)
    place, transaction = home.station.now(), home.transaction
    pid = home.up.pid_of(victim)
    home.kill(pid)
    await until(lambda: children(home.up.running.pid).get(victim, pid) != pid, 10, f"{victim} starts again")
    await home.whole()
    assert FAILSAFE_A <= min(limits_since(home, place)) <= max(limits_since(home, place)) <= MOST_A
    assert home.house.heater_w > 0
    assert home.transaction == transaction
    assert not home.station.events("started", place)
    state = home.listener.last(f"{LOAD}.state")
    assert state is not None
    assert state["transaction"] == str(transaction)


async def test_a_silent_meter_leads_to_failsafe_and_its_return_to_the_sun(home: Home) -> None:
    await sunny(home)
    since = home.listener.now()
    home.meter.give(signal.SIGSTOP)
    try:
        assert await home.limit(FAILSAFE_A, FAILSAFE_A, within_s=METER_S) == FAILSAFE_A
        await home.listener.wait(f"{SITE}.decision", lambda event: event["health"] == "failsafe", since=since)
        alert = await home.listener.wait(f"{SITE}.alert.meter_silent.p1", since=since)
        assert alert["active"]
        assert alert["remedy"]
    finally:
        home.meter.give(signal.SIGCONT)
    await home.listener.wait(f"{SITE}.alert.meter_silent.p1", lambda event: not event["active"])
    await home.listener.wait(f"{LOAD}.setpoint", lambda event: event["setpoint_a"] > FAILSAFE_A, within_s=30)


async def test_an_allocator_that_hangs_leads_to_failsafe_within_the_lease(home: Home) -> None:
    await sunny(home)
    pid = home.up.pid_of("allocator")
    home.kill(pid, signal.SIGSTOP)
    try:
        await home.limit(FAILSAFE_A, FAILSAFE_A, within_s=LEASE_S)
        await until(lambda: home.house.heater_w == 0, 3, "the heater is switched off")
    finally:
        home.kill(pid, signal.SIGCONT)
    await home.listener.wait(f"{LOAD}.setpoint", lambda event: event["setpoint_a"] > FAILSAFE_A, within_s=30)
    await until(lambda: home.house.heater_w > 0, 15, "the heater is on again")


async def test_a_server_that_hangs_shows_and_is_survived(home: Home) -> None:
    await sunny(home)
    pid, place = home.up.pid_of("nats-server"), home.station.now()
    home.kill(pid, signal.SIGSTOP)
    try:
        for service in SERVICES:
            assert '"bus"' in await home.up.answers(service, "/readyz", 503, within_s=10)
            assert (await home.up.get(service, "/livez"))[0] == 200
    finally:
        home.kill(pid, signal.SIGCONT)
    await home.whole()
    assert max(limits_since(home, place)) <= MOST_A


async def test_a_house_step_over_the_breaker_lowers_the_profile_at_once(home: Home) -> None:
    await home.whole()
    home.house.sun_w = 0.0
    await home.limit(FAILSAFE_A, FAILSAFE_A, within_s=15)
    place = home.station.now()
    home.house.base_a[1] += 20.0
    profile = await until(lambda: home.station.events("profile", place), STEP_S, "a lower profile")
    assert profile[0]["limit_a"] == 0.0
    cut = home.listener.last(f"{LOAD}.setpoint")
    assert cut is not None
    assert "breaker L2" in cut["reason"]
    await until(lambda: home.draws_a()[0] == 0, 5, "the vehicle stops")
