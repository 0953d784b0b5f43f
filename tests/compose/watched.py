"""What Prometheus and the broker say, asked from this machine."""

import asyncio
from typing import Any

import aiohttp
import yaml

from tests.compose.engine import Engine
from tests.compose.guide import ROOT
from tests.compose.rights import SERVICES

PROMETHEUS = "http://127.0.0.1:9090/api/v1"
SCRAPED_S = 40.0
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"


async def asked(path: str, **query: str) -> Any:
    """Return the data of an answer of Prometheus; None while there is none."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{PROMETHEUS}/{path}", params=query) as reply:
            return (await reply.json())["data"]
    except (aiohttp.ClientError, OSError, KeyError, ValueError):
        return None


async def scraped(services: tuple[str, ...] = SERVICES) -> str:
    """All services are scraped well and give metrics of their own; all rules are loaded and none is broken."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while True:
        known = await asked("targets") or {"activeTargets": []}
        found = {each["labels"]["service"]: each["health"] for each in known["activeTargets"]}
        if set(found) == set(services) and set(found.values()) == {"up"}:
            break
        assert loop.time() - began_s < SCRAPED_S, f"not all scraped within {SCRAPED_S:g} s: {known['activeTargets']}"
        await asyncio.sleep(0.5)
    for service in services:
        told = await asked("query", query=f'count({{service="{service}",__name__=~"evenload_.+"}})')
        assert told["result"], f"{service} gives no metric of its own"
    written = [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    loaded = [rule for group in (await asked("rules"))["groups"] for rule in group["rules"]]
    assert len(loaded) == len(written), f"{len(loaded)} rules of {len(written)} are loaded"
    assert {rule["health"] for rule in loaded} <= {"ok", "unknown"}, [r for r in loaded if r["health"] == "err"]
    return f"Prometheus: {len(found)} targets up, {len(loaded)} rules loaded"


async def alerts() -> list[str]:
    """Return the alerts that fire."""
    known = await asked("alerts")
    return sorted({each["labels"]["alertname"] for each in known["alerts"] if each["state"] == "firing"})


async def placeholder(engine: Engine) -> str:
    """What Grafana would find: provisioning and dashboards readable, its folder writable."""
    program = """
import os, pathlib
there = [str(path) for path in pathlib.Path('/etc/grafana').rglob('*') if path.is_file() and path.read_bytes()]
pathlib.Path('/var/lib/grafana/tried').touch(); pathlib.Path('/var/lib/grafana/tried').unlink()
print(len(there))
"""
    container = (await engine.containers())["grafana"]
    if (await engine.run(f"docker exec {container['Id']} python3 --version"))[0]:
        return f"grafana: {container['Config']['Image']} runs"
    found = await engine.inside("grafana", program)
    assert int(found) >= 5, f"Grafana would find {found} files"
    return (
        f"grafana: only a placeholder ran; {found.strip()} files of provisioning are readable, its folder is writable"
    )
