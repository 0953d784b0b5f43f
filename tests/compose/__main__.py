"""The compose deployment, tried on a real Docker engine by following docs/guides/compose.md step by step.

The guide's own command lines are typed, by a user who is not root, in a fresh clone with what is not committed yet.
Beside that, while all is up: rights, ports, credentials, metrics, crashes, a power cut, `stop`, `down` and `up`, the
upgrade's commands, the broker, and each row of the guide's table of what does not work. Where the engine lacks an image
and no registry is asked, one made here stands in: see `tests/compose/standins.py` for what that leaves out.

Run: python -m tests.compose. Exit status: 0 all well, 1 something is not, 3 there is no engine to try it on.
"""

import asyncio
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml

from tests.compose import broker, endures, rights, trouble, watched
from tests.compose.engine import Engine, Unusable
from tests.compose.guide import ROOT, UPGRADING, blocks
from tests.compose.own_home import CLI, FAILSAFE_A, OwnHome, own_home
from tests.compose.report import Report
from tests.compose.standins import provide
from tests.compose.walk import Walk

UNUSABLE = 3
GUIDE_S = 300.0
DEPLOY = ROOT / "deploy"


def images() -> list[str]:
    """Return the images of others that the deployment names."""
    compose: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    named = {each["image"] for each in compose["services"].values() if not each["image"].startswith("evenload:")}
    base = re.search(r"^ARG BASE=(\S+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert base is not None
    return sorted({*named, base.group(1)})


async def try_all(engine: Engine, report: Report) -> None:
    """Follow the guide; raises `AssertionError` where a step of it does not do what it says."""
    walk = Walk(engine, report)
    began_s = time.monotonic()
    await walk.do_all(walk.lines("1."))
    first_s = time.monotonic() - began_s
    await _simulated_home(engine, walk, report)
    await walk.do_all(walk.lines("2a", 1))
    await walk.do_all(walk.lines("2b", 0))
    async with own_home(walk) as home:
        began_s = time.monotonic()
        await _own_home(engine, walk, home, report)
        took_s = first_s + time.monotonic() - began_s
        report.note(f"steps 1, 2b and 3 of the guide: {took_s:.0f} s, of which {first_s:.0f} s are step 1")
        assert took_s < GUIDE_S, "the guide promises five minutes"
        await _while_up(engine, home, report)
        await _troubles(engine, home, report)


async def _simulated_home(engine: Engine, walk: Walk, report: Report) -> None:
    *ups, status = walk.lines("2a")
    await walk.do_all(ups)
    report.note(f"2a: all healthy {await walk.healthy():.1f} s after `up` returned")
    with report.step(f"{status}, until both cars are decided"):
        await walk.until_said(status, "wallbox", "guest", "heater", "charging")
    for check in (rights.without_rights, rights.open_ports, rights.own_credentials, rights.foreign_denied):
        await _noted(report, check, engine)
    await _noted(report, watched.scraped)
    await _noted(report, watched.placeholder, engine)


async def _own_home(engine: Engine, walk: Walk, home: OwnHome, report: Report) -> None:
    up, status, add = walk.lines("2b", 1)
    await walk.do(up)
    report.note(f"2b: all healthy {await walk.healthy():.1f} s after `up` returned")
    await walk.until_said(status, "wallbox")
    said = await walk.do(add)
    home.password = said.partition("password (AuthorizationKey)")[2].split()[0]
    await home.connects()
    await home.car.charges(FAILSAFE_A)
    report.note("a station on this machine came in with the printed password and charges by setpoints")
    await _changed_site(engine, walk, home, report)
    ps, doctor = walk.lines("3.")
    said = await walk.do(ps)
    assert "unhealthy" not in said, said
    said = await walk.do(doctor)
    assert "✗" not in said, said
    report.note("doctor: " + ("nothing bad, no doubt" if "!  " not in said else f"nothing bad; doubts:\n{said}"))


async def _changed_site(engine: Engine, walk: Walk, home: OwnHome, report: Report) -> None:
    """`sites` with a changed file, and with a faulty one."""
    good = walk.site.read_text(encoding="utf-8")
    walk.site.write_text(good.replace("breaker_a: 25", "breaker_a: 24"), encoding="utf-8")
    sites = "docker compose run --rm sites"
    assert sites in " ".join((ROOT / "docs/guides/compose.md").read_text(encoding="utf-8").split())
    assert "revision 2 in force" in await walk.do(sites)
    await walk.until_said(f"{CLI} status", "of 24 A")
    walk.site.write_text(good.replace("breaker_a: 25", "breaker_a: much"), encoding="utf-8")
    status, said = await engine.run(sites)
    assert status == 1, f"a faulty file must be refused: {status}\n{said}"
    assert "grid.breaker_a" in said, said
    assert "of 24 A" in await engine.must(f"{CLI} status")
    walk.site.write_text(good, encoding="utf-8")
    await walk.do(sites)
    (told,) = [line for line in said.splitlines() if "grid.breaker_a" in line][:1]
    report.note(f"sites: a changed file is in force; a faulty one is refused ({told.strip()}), the one before holds")


async def _while_up(engine: Engine, home: OwnHome, report: Report) -> None:
    for service in ("allocator", "ocpp_gateway", "nats"):
        await _noted(report, lambda service=service: endures.killed(engine, home, service), name=f"killed {service}")
    await _noted(report, endures.after_power_cut, engine, home)
    await _noted(report, lambda: _upgraded(engine, home), name="upgrade")
    await _noted(report, endures.stopped, engine)
    since = home.car.now()
    await home.walk.do("docker compose up -d")
    await home.walk.healthy()
    await home.car.charges_anew(since)
    await _noted(report, endures.kept_over_down, engine, home)
    with report.check("mqtt"):
        for line in await broker.with_broker(engine, home):
            report.note(line)
    report.note(f"alerts that fire: {', '.join(await watched.alerts()) or 'none'}")


async def _upgraded(engine: Engine, home: OwnHome) -> str:
    """The commands of docs/upgrading.md, on what runs: a new permission comes into force, the car charges on."""
    (commands,) = blocks(UPGRADING)["Compose"]
    since = home.car.now()
    for line in commands:
        if not line.startswith("git "):
            said = await home.walk.do(line)
    assert "✗" not in said, said
    await home.walk.healthy()
    await home.car.charges_anew(since)
    assert not home.stopped(since), "the car stood still"
    nats = (await engine.containers())["nats"]["Id"]
    there = await engine.must(f"docker exec {nats} cat /run/secrets/accounts.conf")
    assert there == (engine.folder / "nats" / "accounts.conf").read_text(encoding="utf-8"), (
        "nats has the newest accounts"
    )
    return "upgrade: its commands run, nats has the newest accounts, the car never stood still"


async def _troubles(engine: Engine, home: OwnHome, report: Report) -> None:
    await home.leaves()
    for fault in (trouble.a_taken_port, trouble.restarts, trouble.other_credentials, trouble.a_folder_of_root):
        await _noted(report, fault, engine, home)


async def _noted(report: Report, check: Callable[..., Awaitable[str]], *arguments: Any, name: str = "") -> None:
    with report.check(name or check.__name__), report.step(name or check.__name__.replace("_", " ")):
        report.note(await check(*arguments))


async def run() -> int:
    """Try it, and clean up whatever happens."""
    report = Report()
    folder = Path(tempfile.mkdtemp(prefix="evenload-compose-"))
    folder.chmod(0o755)
    engine, made = Engine(folder), list[str]()
    try:
        await engine.prepare()
        engine.give(folder)
        standing = folder / "standins"
        standing.mkdir()
        made = await provide(engine, images(), standing, report)
        await try_all(engine, report)
    except Unusable as fault:
        sys.stderr.write(f"error: {fault}\n")
        return UNUSABLE
    except AssertionError as fault:
        report.failed.append(str(fault))
        report.say((await engine.run("docker compose ps -a; docker compose logs --tail 15"))[1][-6000:])
    finally:
        if engine.ready:
            await engine.clean(made)
        shutil.rmtree(folder, ignore_errors=True)
    return report.end()


if __name__ == "__main__":
    sys.exit(asyncio.run(run()))
