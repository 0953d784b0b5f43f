"""The guide's table of what does not work: each fault is made, what is said is seen, and its remedy is tried."""

import shutil
import socket
from contextlib import closing

from tests.compose.engine import Engine, state
from tests.compose.guide import GUIDE, quoted, remedies
from tests.compose.own_home import OwnHome
from tests.compose.rights import SERVICES

UP, DOWN = "docker compose up -d", "docker compose down"
DOCTOR = "docker compose run --rm cli doctor --monitor http://nats:8222"
SEEN_S = 90.0


def remedy(beginning: str) -> tuple[str, list[str]]:
    """Return what the table's row with `beginning` in it shows, and what it tells to type."""
    ((seen, do),) = [row for row in remedies(GUIDE) if beginning in row[0]]
    return seen, [words for words in quoted(do) if words != "nats"]


async def a_folder_of_root(engine: Engine, home: OwnHome) -> str:
    """`nats-data` was not there and Docker made it, for root."""
    _, (own, *commands) = remedy("permission denied")
    await engine.must(DOWN)
    data = engine.folder / "nats-data"
    data.rename(data.with_name("aside"))
    status, _ = await engine.run(UP)
    assert status, "up must not succeed"
    log = await engine.must("docker compose logs nats")
    assert "permission denied" in log.lower(), log
    assert (await engine.containers())["nats"]["State"]["Health"]["Status"] != "healthy", log
    # `sudo` is us; `$(id -u)` is who types.
    await engine.must(own.replace("sudo ", "").replace("$(id -u)", str(engine.user)), as_us=True)
    for command in commands:
        await engine.must(command)
    await home.walk.healthy()
    await engine.must(DOWN)
    shutil.rmtree(data)
    data.with_name("aside").rename(data)
    return f"nats unhealthy, permission denied: {', '.join((own, *commands))}: well"


async def other_credentials(engine: Engine, home: OwnHome) -> str:
    """Credentials were made anew while `nats` runs."""
    seen, commands = remedy("authorization violation")
    await engine.must(UP)
    await home.walk.healthy()
    await engine.must("rm -rf nats/* && docker compose run --rm setup")
    await engine.must("docker compose rm -sf provision")
    await engine.run(UP)
    log = await engine.must("docker compose logs provision")
    assert "authorization violation" in log.lower(), log
    for command in commands:
        await engine.must(command)
    await home.walk.until_said(DOCTOR, "site home", "health normal", within_s=SEEN_S)
    said = await engine.must(DOCTOR)
    assert all(service in said for service in SERVICES), said
    return f"{seen}: {', '.join(commands)}: well, doctor finds nothing bad"


async def restarts(engine: Engine, home: OwnHome) -> str:
    """A service that lacks something says so in its log and is started again and again."""
    _, (command,) = remedy("again and again")
    key = engine.folder / "nats" / "allocator.key"
    good = key.read_text(encoding="utf-8")
    await engine.must(DOWN)
    key.chmod(0o600)
    key.write_text("", encoding="utf-8")
    await engine.must(UP)
    await engine.settled(lambda found: found["allocator"]["RestartCount"] >= 2, SEEN_S, "the allocator is restarted")
    log = await engine.must(command)
    assert "write it again" in log, log
    key.write_text(good, encoding="utf-8")
    key.chmod(0o400)
    await engine.settled(lambda found: state(found["allocator"]) == "healthy", SEEN_S, "the allocator is healthy")
    return f"a service restarts again and again: `{command}` says why; healthy again once it is mended"


async def a_taken_port(engine: Engine, home: OwnHome) -> str:
    """Something else listens where chargers would connect."""
    _, (other, service, file) = remedy("port 9000")
    await engine.must(DOWN)
    with closing(socket.socket()) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("0.0.0.0", 9000))
        taken.listen()
        status, said = await engine.run(UP)
        assert status, "up must not succeed"
        assert "9000" in said, said
        text = (engine.folder / file).read_text(encoding="utf-8")
        assert service in text
        (engine.folder / file).write_text(text.replace('"9000:9000"', other), encoding="utf-8")
        await engine.must(UP)
        await home.walk.healthy()
    await home.leaves()
    home.port = 9001
    await home.connects()
    await home.car.charges(6.0)
    await home.leaves()
    home.port = 9000
    (engine.folder / file).write_text(text, encoding="utf-8")
    await engine.must(UP)
    return f"port 9000 is taken: {other} at {service}: the station charges through 9001"
