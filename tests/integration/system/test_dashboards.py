"""Every panel of every dashboard finds data in a real Prometheus that scrapes the running demo."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from evenload.runtime.ports import free_port
from tests.deploy.boards import queries
from tests.integration.system.processes import EVENLOAD, Running, until
from tests.integration.system.system import SERVICES, START_S

PROMETHEUS = "prometheus"
FOUND_S = 110.0


class Prometheus:
    """A running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ask(self, query: str) -> list[object]:
        """Return the series that a query finds now; fail where Prometheus refuses it."""
        url = f"{self.url}/api/v1/query"
        async with aiohttp.ClientSession() as session, session.get(url, params={"query": query}) as reply:
            answer = await reply.json()
        assert answer["status"] == "success", f"{query}: {answer.get('error')}"
        return list(answer["data"]["result"])


def configuration(http: dict[str, str]) -> str:
    """Return a configuration as the deployed one, with the addresses of this home, asked each second."""
    targets = [{"targets": [urlsplit(http[service]).netloc], "labels": {"service": service}} for service in SERVICES]
    scrape = [{"job_name": "evenload", "static_configs": targets}]
    return json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": scrape})  # JSON is YAML


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """The demo, and where its services show their metrics."""
    running = await Running.start(EVENLOAD, "demo", EVENLOAD_DATA_DIR=str(tmp_path))
    told = tmp_path / "demo.json"
    try:
        await until(told.exists, START_S, f"the demo starts:\n{running.text}")
        yield json.loads(told.read_text(encoding="utf-8"))["http"]
    finally:
        await running.end()


@pytest.fixture
async def prometheus(demo: dict[str, str], tmp_path: Path) -> AsyncIterator[Prometheus]:
    """A real Prometheus that asks the demo's services."""
    config, port = tmp_path / "prometheus.yaml", free_port()
    config.write_text(configuration(demo), encoding="utf-8")
    running = await Running.start(
        PROMETHEUS,
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    try:
        await until(lambda: "ready to receive web requests" in running.text, 20, f"Prometheus starts:\n{running.text}")
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        await running.end()


async def test_every_panel_finds_data(prometheus: Prometheus) -> None:
    waiting = [(panel, query.replace('"home"', '"demo"')) for panel, query in queries()]
    loop = asyncio.get_running_loop()
    end_s = loop.time() + FOUND_S
    while waiting and loop.time() < end_s:
        for asked in list(waiting):
            if await prometheus.ask(asked[1]):
                waiting.remove(asked)
        await asyncio.sleep(0.5)
    assert not waiting
