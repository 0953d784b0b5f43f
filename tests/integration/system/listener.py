"""A plain NATS client, as anyone could have it: every message of the site as JSON text."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

Json = dict[str, Any]


class Listener:
    """Hears `evenload.>` from its start on, also after the server was away."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Json]] = []
        self._news = asyncio.Event()
        self.client = Client()

    async def start(self, url: str) -> None:
        async def quiet(fault: Exception) -> None:
            """The server is killed on purpose."""

        self.client = await nats.connect(url, error_cb=quiet, reconnect_time_wait=0.1, max_reconnect_attempts=-1)
        await self.client.subscribe("evenload.>", cb=self._take)

    async def _take(self, message: Msg) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self.heard.append((message.subject, json.loads(message.data.decode())))
            self._news.set()

    def now(self) -> int:
        """Return the place from which `wait` hears only what comes later."""
        return len(self.heard)

    async def wait(
        self, subject: str, holds: Callable[[Json], Any] = bool, within_s: float = 10.0, since: int | None = None
    ) -> Json:
        """Return the first message on `subject` for which `holds`, from place `since` (default: now) on."""
        place = self.now() if since is None else since
        try:
            async with asyncio.timeout(within_s):
                while True:
                    for name, event in self.heard[place:]:
                        place += 1
                        if name == subject and holds(event):
                            return event
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            last = next((event for name, event in reversed(self.heard) if name == subject), None)
            raise AssertionError(f"nothing fitting on {subject} within {within_s:g} s; the last was {last}") from None

    def last(self, subject: str) -> Json | None:
        """Return the newest message on `subject`."""
        return next((event for name, event in reversed(self.heard) if name == subject), None)

    async def ask(self, subject: str, body: Json, within_s: float = 5.0) -> Json:
        """Send a request and return its answer."""
        answer = await self.client.request(subject, json.dumps(body).encode(), timeout=within_s)
        return json.loads(answer.data.decode())

    async def publish(self, subject: str, body: Json) -> None:
        await self.client.publish(subject, json.dumps(body).encode())
        await self.client.flush()
