"""A provisioner that stays makes again what a restarted server has lost, before anybody misses it for long."""

import signal
from pathlib import Path

from tests.integration.nats.server import connect_as, plan_in, server
from tests.integration.system.processes import EVENLOAD, Running, until


async def test_what_was_in_memory_is_there_again_after_a_restart(tmp_path: Path) -> None:
    ready = tmp_path / "provisioned"
    async with server(tmp_path, plan_in(tmp_path)) as strict:
        access = {"EVENLOAD_NATS_URL": strict.url, "EVENLOAD_NATS_CREDS": strict.creds("provisioner")}
        stays = await Running.start(EVENLOAD, "nats", "provision", "--stay", str(ready), **access)
        try:
            await until(ready.exists, 20, f"all is made: {stays.text}")
            before = await connect_as(strict, "allocator")
            await (await before.bucket("owners")).put("one", b"1")
            await before.close()
            await strict.running.end(signal.SIGKILL)
            await until(lambda: not ready.exists(), 10, "the server is missed")
            await strict.start()
            await until(ready.exists, 20, f"all is made again: {stays.text}")
            after = await connect_as(strict, "allocator")
            await (await after.bucket("owners")).put("one", b"1")
            await after.close()
            assert await stays.end() == 0
        finally:
            await stays.end()
    assert stays.lines[-2].startswith("created: "), stays.text
    assert {"owners", "setpoints"} <= set(stays.lines[-2].removeprefix("created: ").split(", "))
