"""Containers that are killed, stopped, removed, or come back after a power cut: the car charges on, nothing is lost."""

import asyncio
import os
import signal
from datetime import datetime

from tests.compose.engine import Engine, state
from tests.compose.own_home import CLI, FAILSAFE_A, OwnHome
from tests.compose.walk import ENDS

BACK_S, GRACE_S = 60.0, 8.0
KEPT = """
import asyncio, pathlib, nats
async def main():
    user, _, password = pathlib.Path('/run/secrets/credentials').read_text().strip().partition(':')
    inbox = f'_INBOX_{user}'.encode()
    client = await nats.connect('nats://nats:4222', user=user, password=password, inbox_prefix=inbox)
    for stream, subject in (('KV_memory', '$KV.memory.home'), ('KV_epochs', '$KV.epochs.home')):
        try:
            found = await client.request(f'$JS.API.DIRECT.GET.{stream}.{subject}', b'', timeout=5)
            print((found.headers or {}).get('Nats-Sequence', '0'), len(found.data))
        except nats.errors.Error as fault:
            print(0, 0, fault)
    await client.close()
asyncio.run(main())
"""


async def killed(engine: Engine, home: OwnHome, service: str) -> str:
    """A crash: the engine starts the container again, the car charges on in its transaction.

    The process is killed, not the container: `docker kill` counts as stopped by hand, and what was is not restarted.
    """
    before = (await engine.containers())[service]
    started, since = list(home.car.started), home.car.now()
    os.kill(before["State"]["Pid"], signal.SIGKILL)
    count = before["RestartCount"]
    back_s = await engine.settled(
        lambda found: found[service]["RestartCount"] > count and state(found[service]) == "healthy", BACK_S, service
    )
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await home.car.charges_anew(since)
    assert not home.stopped(since), f"the car stood still when {service} was killed"
    assert home.car.started == started, "the transaction goes on with its id"
    said = await engine.must(f"{CLI} doctor --monitor http://nats:8222")
    assert "✗" not in said, said
    return (
        f"{service} killed: healthy again after {back_s:.1f} s, a limit comes {loop.time() - began_s:.0f} s later "
        "(renewed each 60 s), the car never stood still, same transaction, doctor finds nothing bad"
    )


async def stopped(engine: Engine) -> str:
    """All end by themselves within their grace, the gateway too."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    before = await engine.containers()
    await engine.must("docker compose stop")
    took_s = loop.time() - began_s
    found = await engine.containers()
    ended = {name: each["State"]["ExitCode"] for name, each in found.items()}
    ours = {name: code for name, code in ended.items() if name != "grafana"}
    assert set(ours.values()) == {0}, f"exit codes: {ended}"
    first = min(_at(found[name]["State"]["FinishedAt"]) for name in before if name not in ENDS)
    gateway_s = (_at(found["ocpp_gateway"]["State"]["FinishedAt"]) - first).total_seconds()
    assert gateway_s < GRACE_S
    return (
        f"stop: {took_s:.1f} s, exit codes 0 of {', '.join(sorted(ours))}; the gateway within {gateway_s + 0.05:.1f} s"
    )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00")


async def after_power_cut(engine: Engine, home: OwnHome) -> str:
    """All killed at once and started by the engine alone, in any order, as after a power cut: no `up`, no `sites`."""
    started, since = list(home.car.started), home.car.now()
    found = {name: each for name, each in (await engine.containers()).items() if name not in ENDS}
    ids = " ".join(each["Id"] for each in found.values())
    await engine.must(f"docker kill {ids}")
    await engine.must(f"docker start {ids}")
    back_s = await engine.settled(
        lambda known: all(state(known[name]) in ("healthy", "running") for name in found), BACK_S, "all healthy"
    )
    await home.car.charges_anew(since)
    assert home.car.started == started, "the transaction goes on with its id"
    said = await engine.must(f"{CLI} doctor --monitor http://nats:8222")
    assert "✗" not in said, said
    return (
        f"power cut: all healthy {back_s:.1f} s later without `up`; the transaction goes on; doctor finds nothing bad"
    )


async def kept_over_down(engine: Engine, home: OwnHome) -> str:
    """`down` and `up`: what was set by hand, transactions, the station's password, the allocator's memory and epoch."""
    await engine.must(f"{CLI} set heater mode off")
    await home.car.unplugged_and_plugged()
    await home.car.charges(FAILSAFE_A)
    rows = await home.transactions()
    memory = await _kept(engine)
    started, since = list(home.car.started), home.car.now()
    await engine.must("docker compose down")
    assert not await engine.containers(), "down leaves nothing"
    await engine.must("docker compose up -d")
    await home.walk.healthy()
    await home.car.charges_anew(since)
    assert home.car.started == started, "the transaction goes on with its id"
    await home.walk.until_said(f"{CLI} status", "by hand")
    after = await home.transactions()
    ids = {row["transaction"] for row in rows}
    assert len(rows) >= 2, rows
    assert ids == {row["transaction"] for row in after}, f"{rows}\n{after}"
    again = await _kept(engine)
    assert memory[0] > 0, f"the allocator keeps a memory: {memory}"
    assert again[0] >= memory[0], f"the memory is there: {memory} {again}"
    assert again[1] > memory[1] > 0, f"a new allocator has a higher epoch: {memory} {again}"
    await engine.must(f"{CLI} set heater clear")
    return (
        f"down and up: heater off by hand holds, {len(ids)} transactions are there and one of them goes on, "
        "the password is good, the memory is there"
    )


async def _kept(engine: Engine) -> tuple[int, int]:
    """Return the revisions of the allocator's memory and of its epoch; 0 = none."""
    said = await engine.inside("allocator", KEPT)
    memory, epoch = (int(line.split()[0]) for line in said.splitlines()[:2])
    return memory, epoch
