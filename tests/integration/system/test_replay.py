"""What real services told over NATS, recorded and made again byte for byte."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.system.processes import Running, children, evenload, until
from tests.integration.system.system import EVENLOAD, FAILSAFE_A, LOAD, SITE, Home

pytestmark = pytest.mark.asyncio(loop_scope="module")
SUN_W = 8000.0
LIMIT = {
    "type": "SiteLimit",
    "site": "home",
    "source": "dso",
    "scope": "import",
    "issued_at": "2026-01-01T00:00:00Z",
    "limit_w": 9000.0,
}


async def replayed(path: Path) -> tuple[int, dict[str, Any]]:
    """Return exit status and findings of a replay."""
    status, out, err = await evenload("replay", str(path), "--json")
    assert out, err
    return status, json.loads(out)


def needed_by_two(lines: list[str]) -> int:
    """Return the place of a reading before two decisions and after one that no basis comes between."""
    told = [place for place, line in enumerate(lines) if ".decision" in line[:60] or ".basis" in line[:60]]
    for before, then, last in zip(told, told[1:], told[2:], strict=False):
        between = [place for place in range(before, then) if ".reading.p1" in lines[place][:60]]
        if between and all(".decision" in lines[place][:60] for place in (before, then, last)):
            return between[0]
    raise AssertionError("no reading was followed by two decisions")


async def some_life(home: Home) -> None:
    """Let the sun come, a limit arrive, a person set a limit, the allocator die, and the sun go."""
    home.house.sun_w = SUN_W
    await home.limit(FAILSAFE_A + 0.1, 16.0, within_s=60)
    limit = {
        "type": "SiteLimit",
        "site": "home",
        "source": "dso",
        "scope": "import",
        "issued_at": "2026-01-01T00:00:00Z",
    }
    since = home.listener.now()
    await home.listener.publish(f"{SITE}.limit.dso", limit | {"limit_w": 9000.0})
    await home.listener.wait(f"{SITE}.basis", lambda basis: basis["why"] == "configuration", 20, await by_hand(home))
    pid = home.up.pid_of("allocator")
    home.kill(pid)
    await until(lambda: children(home.up.running.pid).get("allocator", pid) != pid, 10, "the allocator starts again")
    await home.listener.wait(f"{SITE}.basis", lambda basis: basis["why"] == "taken", 20, since)
    await home.whole()
    home.house.sun_w = 0.0
    await home.limit(0.0, FAILSAFE_A, within_s=60)


async def by_hand(home: Home) -> int:
    """Set the car's limit by hand; return the place from which what follows is heard."""
    since = home.listener.now()
    await home.up.run("set", "wallbox", "limit", "10")
    return since


async def test_a_record_of_the_running_system_replays_byte_for_byte(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "home.jsonl"
    await some_life(home)
    said = await home.up.run("record", str(path))
    assert f"{path}: " in said
    status, found = await replayed(path)
    assert (found["gaps"], found["differences"]) == ([], [])
    assert status == 0
    counts = found["counts"]
    assert counts["equal"] == counts["decisions"] > 10
    assert counts["begins"] >= 2
    assert counts["memories"] >= 1
    assert counts["unknown"] == 0


async def test_the_running_systems_history_is_replayed_without_a_file(home: Home) -> None:
    assert "all byte for byte as recorded" in await home.up.run("replay")


async def test_what_comes_is_followed_until_stopped(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "now.jsonl"
    data_dir = ("--data-dir", str(home.up.data_dir))
    recording = await Running.start(EVENLOAD, "record", str(path), "--since", "1s", "--follow", *data_dir)
    try:
        await until(lambda: path.exists() and path.read_bytes().count(b".reading.p1") >= 3, 20, "readings are written")
        since = home.listener.now()
        await home.up.run("set", "wallbox", "clear")
        await home.listener.wait(f"{SITE}.basis", since=since)
        await home.listener.wait(f"{LOAD}.state", since=home.listener.now())
    finally:
        assert await recording.end(signal.SIGINT) == 0, recording.text
    assert "stopped by hand" in recording.text
    _, found = await replayed(path)
    assert found["differences"] == []
    assert found["counts"]["begins"] >= 1


async def test_a_lost_event_is_a_gap_at_the_decision_that_needs_it(home: Home, tmp_path: Path) -> None:
    whole, holed = tmp_path / "whole.jsonl", tmp_path / "holed.jsonl"
    for sun_w in (SUN_W, 0.0, SUN_W, 0.0):  # each change is decided on
        heard = home.listener.now()
        home.house.sun_w = sun_w
        await home.listener.wait(f"{SITE}.decision", since=heard)
    await home.up.run("record", str(whole))
    lines = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    lost = needed_by_two(lines)
    holed.write_text("".join(lines[:lost] + lines[lost + 1 :]), encoding="utf-8")
    status, found = await replayed(holed)
    seq = json.loads(lines[lost])["event"]["seq"]
    assert status == 1
    assert [f"seq {seq})" in gap["why"] for gap in found["gaps"]] == [True]
    assert found["differences"] == []
    assert found["counts"]["unknown"] > 0
