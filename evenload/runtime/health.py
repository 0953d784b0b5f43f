"""`/livez` (the loop runs, no part has failed for good), `/readyz` (what is still missing), `/metrics`."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from evenload.runtime.settings import Settings


class HealthError(Exception):
    """The health server cannot start; the operator must act."""

    def __init__(self, host: str, port: int, why: str) -> None:
        self.host, self.port, self.why = host, port, why

    def __str__(self) -> str:
        return (
            f"health server on {self.host}:{self.port}: {self.why}; "
            "choose another EVENLOAD_HTTP_HOST or EVENLOAD_HTTP_PORT (0 = a free port)"
        )


class Health:
    """What is needed to be ready, and what has failed for good."""

    def __init__(self) -> None:
        self._flags: dict[str, bool] = {}
        self._hopeless: dict[str, str] = {}

    def need(self, *names: str) -> None:
        """Name what must become true before this service is ready."""
        for name in names:
            self._flags.setdefault(name, False)

    def set(self, name: str, ready: bool) -> None:
        """Tell whether `name` is in place now."""
        self._flags[name] = ready

    def give_up(self, part: str, why: str) -> None:
        """Tell that `part` fails again and again: the process should be replaced."""
        self._hopeless[part] = why

    def recovered(self, part: str) -> None:
        """Take back `give_up`."""
        self._hopeless.pop(part, None)

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not in place, sorted."""
        return tuple(sorted(name for name, ready in self._flags.items() if not ready))

    @property
    def ready(self) -> bool:
        """Tell whether all is in place."""
        return not self.missing and not self._hopeless

    def livez(self) -> tuple[int, dict[str, object]]:
        """Return HTTP status and body."""
        body: dict[str, object] = {"alive": not self._hopeless}
        return (503, body | {"failed": self._hopeless}) if self._hopeless else (200, body)

    def readyz(self) -> tuple[int, dict[str, object]]:
        """Return HTTP status and body, which says what is missing."""
        body: dict[str, object] = {"ready": self.ready, "missing": list(self.missing), "state": self._flags}
        return 200 if self.ready else 503, body


class HealthServer:
    """The HTTP server of health and metrics."""

    def __init__(self, health: Health, registry: CollectorRegistry) -> None:
        self._health, self._registry = health, registry
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, settings: Settings) -> None:
        """Listen. Raises `HealthError`."""
        app = web.Application(client_max_size=1_000)
        app.router.add_get("/livez", _answering(self._health.livez))
        app.router.add_get("/readyz", _answering(self._health.readyz))
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, settings.http_host, settings.http_port)
        try:
            await site.start()
        except OSError as fault:
            await self.stop()
            raise HealthError(settings.http_host, settings.http_port, fault.strerror or str(fault)) from fault
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, request: web.Request) -> web.Response:
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _answering(
    state: Callable[[], tuple[int, dict[str, object]]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        status, body = state()
        return web.json_response(body, status=status)

    return answer
