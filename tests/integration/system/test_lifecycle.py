"""How `evenload up` ends: by Ctrl-C in order, by kill -9 without leaving anybody behind."""

import signal
from pathlib import Path

from evenload.runtime.ports import free_port
from tests.integration.system.processes import children, lives, until
from tests.integration.system.system import SERVICES, Up, site_text

END_S = 5.0


async def started(folder: Path) -> Up:
    """Start a home whose devices do not answer; that is no reason not to start."""
    site = folder / "home.yaml"
    site.write_text(site_text(f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"), encoding="utf-8")
    up = await Up.start(site, folder / "data", "--no-table")
    await up.ready()
    return up


async def test_ctrl_c_ends_all_processes_within_5_s(tmp_path: Path) -> None:
    up = await started(tmp_path)
    family = children(up.running.pid)
    assert set(SERVICES) | {"nats-server"} <= set(family)
    up.running.give(signal.SIGINT)
    try:
        await until(lambda: not any(map(lives, (up.running.pid, *family.values()))), END_S, f"all ended: {family}")
    finally:
        status = await up.running.end()
    assert status == 0
    assert not up.told


async def test_kill_9_of_up_leaves_no_orphans(tmp_path: Path) -> None:
    up = await started(tmp_path)
    family = children(up.running.pid)
    up.running.give(signal.SIGKILL)
    try:
        await until(lambda: not any(map(lives, family.values())), END_S, f"all ended: {family}")
    finally:
        await up.running.end()
    again = await Up.start(tmp_path / "home.yaml", tmp_path / "data", "--no-table")
    try:
        await again.ready()
    finally:
        assert await again.running.end(signal.SIGINT) == 0
