"""A home that runs: the sun, the owner's commands, and a site file that changes."""

import json
from collections.abc import Iterator

import pytest

from tests.integration.system.processes import evenload, until
from tests.integration.system.system import FAILSAFE_A, LOAD, SITE, Home, Up

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_station_follows_the_sun(home: Home) -> None:
    await home.limit(6, 6, within_s=15)
    home.house.sun_w = 9000.0
    risen = await home.listener.wait(f"{LOAD}.setpoint", lambda event: event["setpoint_a"] > 6.5, within_s=20)
    assert "surplus" in risen["reason"] or "ramp" in risen["reason"]
    first_a = await home.limit(6.1, 16, within_s=15)
    assert await home.limit(first_a + 0.5, 16, within_s=20) <= home.setpoint_a
    await until(lambda: home.draws_a()[0] == home.limit_a, 5, "the vehicle follows its profile")
    home.house.sun_w = 0.0
    await home.limit(6, 6, within_s=10)


async def test_every_profile_carries_its_own_end(home: Home) -> None:
    profiles = [each for each in home.station.events("profile") if each["purpose"] == "TxProfile"]
    assert profiles
    for profile in profiles:
        assert profile["transaction"] == home.transaction
        # rising to the failsafe waits for the neighbours' profiles to run out too
        ends_s = 180 if profile["periods"][0][1] >= FAILSAFE_A else 300
        # without a lease the failsafe itself is written, which needs no end
        assert profile["periods"][1:] == [[ends_s, FAILSAFE_A]] or profile["periods"] == [[0, FAILSAFE_A]]


async def test_a_mode_is_set_by_hand_and_cleared(home: Home) -> None:
    since = home.listener.now()
    assert "off" in await home.up.run("set", "wallbox", "mode", "off")
    assert (await home.listener.wait(f"{SITE}.command.set_mode", since=since))["mode"] == "off"
    await home.listener.wait(f"{LOAD}.setpoint", lambda event: event["setpoint_a"] == 0, since=since)
    await home.limit(0, 0, within_s=5)
    assert by_hand(await home.up.run("status", "--json"))
    await home.up.run("set", "wallbox", "clear")
    await home.limit(6, 16, within_s=20)
    assert not by_hand(await home.up.run("status", "--json"))


def by_hand(status: str) -> bool:
    loads = json.loads(status)["sites"]["home"]["decision"]["loads"]
    return any(each["by_hand"] for each in loads if each["load"] == "wallbox")


async def test_a_limit_by_hand_ends_by_itself(home: Home) -> None:
    since = home.listener.now()
    await home.up.run("set", "wallbox", "limit", "6", "--until", "3s")
    decided = f"{SITE}.decision"
    await home.listener.wait(decided, lambda event: hand(event) is True, since=since)
    await home.listener.wait(decided, lambda event: hand(event) is False, within_s=15)


def hand(decision: dict[str, object]) -> bool | None:
    loads = decision["loads"]
    assert isinstance(loads, list)
    return next((each["by_hand"] for each in loads if each["load"] == "wallbox"), None)


async def test_priority_and_distribution_are_set_by_hand(home: Home) -> None:
    since = home.listener.now()
    await home.up.run("set", "wallbox", "priority", "7")
    await home.up.run("set", "home", "distribution", "shared")
    await home.listener.wait(f"{SITE}.decision", lambda event: event["distribution"] == "shared", since=since)
    since = home.listener.now()
    await home.up.run("set", "wallbox", "clear")
    await home.up.run("set", "home", "clear")
    await home.listener.wait(f"{SITE}.decision", lambda event: event["distribution"] == "priority", since=since)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("nobody", "mode", "off"), 1), (("wallbox", "mode", "fast"), 2), (("wallbox", "limit", "-3"), 2)],
)
async def test_what_cannot_be_meant_is_refused(home: Home, arguments: tuple[str, ...], status: int) -> None:
    found, _, err = await evenload("set", *arguments, "--data-dir", str(home.up.data_dir))
    assert found == status
    assert "nobody" in err or "fast" in err or "-3" in err


@pytest.fixture
def good(home: Home) -> Iterator[str]:
    """The site file as it was, and is again afterwards."""
    text = home.site.read_text(encoding="utf-8")
    yield text
    home.site.write_text(text, encoding="utf-8")


async def test_a_changed_site_file_takes_force_and_a_bad_one_is_refused(home: Home, good: str) -> None:
    since, told = home.listener.now(), home.up.running.now()
    home.site.write_text(good.replace("breaker_a: 25", "breaker_a: 22"), encoding="utf-8")
    await home.listener.wait(f"{SITE}.decision", lambda event: event["breaker_a"] == 22, since=since)
    home.site.write_text(good.replace("breaker_a: 25", "breaker_a: many"), encoding="utf-8")
    line = next(number for number, text in enumerate(good.splitlines(), 1) if "breaker_a:" in text)
    wanted = f"{home.site}:{line}: grid.breaker_a"
    await until(lambda: any(wanted in line for line in home.up.running.lines[told:]), 10, "the refusal")
    await until(lambda: any("last good" in line for line in home.up.running.lines[told:]), 5, "what holds")
    shown = await home.up.run("site", "show", "home")
    assert "breaker_a: 22" in shown
    since = home.listener.now()
    home.site.write_text(good, encoding="utf-8")
    await home.listener.wait(f"{SITE}.decision", lambda event: event["breaker_a"] == 25, since=since)


async def test_site_files_are_shown_compared_and_applied(home: Home, good: str) -> None:
    folder = ("--data-dir", str(home.up.data_dir))
    other = home.site.with_name("other.yaml")
    await home.up.run("site", "apply", str(home.site))
    assert "equal" in await home.up.run("site", "diff", str(home.site))
    other.write_text(good.replace("breaker_a: 25", "breaker_a: 23"), encoding="utf-8")
    status, shown, _ = await evenload("site", "diff", str(other), *folder)
    assert status == 1
    assert "+  breaker_a: 23" in shown
    since = home.listener.now()
    assert "in force" in await home.up.run("site", "apply", str(other))
    await home.listener.wait(f"{SITE}.decision", lambda event: event["breaker_a"] == 23, since=since)
    other.write_text(good.replace("breaker_a: 25", "braker_a: 25"), encoding="utf-8")
    status, _, err = await evenload("site", "apply", str(other), *folder)
    assert status == 1
    assert "breaker_a" in err
    await home.up.run("site", "apply", str(home.site))
    assert "site home: revision" in await home.up.run("site", "show")


async def test_a_second_up_in_the_same_folder_is_refused(home: Home) -> None:
    second = await Up.start(home.site, home.up.data_dir)
    assert await second.running.end(number=0) == 1
    assert "evenload runs already in" in second.running.text
    assert "--data-dir" in second.running.text
    assert home.up.told
