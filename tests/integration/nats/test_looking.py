"""Each command of docs/nats.md, as the NATS CLI sends it, answered for the operator on a server with permissions."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from evenload.contracts import subjects
from evenload.contracts.events import Event
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import NatsBus
from tests.golden.samples import SAMPLES
from tests.integration.nats.server import Guest, connect_as, guest, plan_in, server

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOC = Path(__file__).parents[3] / "docs" / "nats.md"
COMMANDS = re.findall(r"^\| `(nats .+?)` \|", DOC.read_text(encoding="utf-8").split("<!-- looks -->")[1], re.MULTILINE)
TRANSACTION = "evenload.site.home.transaction.CP001"


class Look:
    """The wire requests behind the CLI's verbs."""

    def __init__(self, looker: Guest) -> None:
        self._client = looker.client

    @property
    def verbs(self) -> dict[str, Callable[..., Awaitable[None]]]:
        """What can be asked, by the CLI's first word."""
        return {"sub": self.sub, "req": self.req, "micro": self.micro, "kv": self.kv, "stream": self.stream}

    async def ask(self, subject: str, body: Any = None) -> Any:
        """Return the JSON answer."""
        data = json.dumps(body).encode() if body is not None else b""
        return json.loads((await self._client.request(subject, data, timeout=5)).data)

    async def sub(self, subject: str) -> None:
        await self._client.subscribe(subject)
        await self._client.flush()

    async def req(self, subject: str, body: str) -> None:
        assert await self.ask(subject, json.loads(body))

    async def micro(self, verb: str, name: str = "") -> None:
        wire = {"ls": "PING", "info": "INFO", "stats": "STATS"}[verb]
        subject = f"$SRV.{wire}.{name}" if name else f"$SRV.{wire}"
        assert (await self.ask(subject))["name"] == "evenload-allocator"

    async def kv(self, verb: str, bucket: str = "", key: str = "") -> None:
        if verb == "ls":
            found = await self.ask("$JS.API.STREAM.LIST", {"subject": "$KV.*.>"})
            assert {f"KV_{name}" for name in ("sites", "owners")} <= {
                each["config"]["name"] for each in found["streams"]
            }
        elif verb == "get":
            found = await self._client.request(f"$JS.API.DIRECT.GET.KV_{bucket}.$KV.{bucket}.{key}", b"", timeout=5)
            assert found.data == b"a site"
        else:
            assert verb == "watch"
            await self._consumer(f"KV_{bucket}", f"$KV.{bucket}.>")

    async def stream(self, verb: str, name: str = "", *more: str) -> None:
        if verb in ("ls", "report"):
            found = await self.ask("$JS.API.STREAM.NAMES" if verb == "ls" else "$JS.API.STREAM.LIST", {"offset": 0})
            assert found["total"] >= 5
        elif verb == "info":
            assert (await self.ask(f"$JS.API.STREAM.INFO.{name}"))["config"]["name"] == name
        elif verb == "get":
            found = await self.ask(f"$JS.API.STREAM.MSG.GET.{name}", {"last_by_subj": more[1]})
            assert found["message"]["subject"] == more[1]
        else:
            assert verb == "view"
            await self._consumer(name, "")

    async def _consumer(self, stream: str, subject: str) -> None:
        config = {"deliver_policy": "all", "ack_policy": "none", "inactive_threshold": 10**10, "mem_storage": True}
        named = config | {"name": "look", **({"filter_subject": subject} if subject else {})}
        where = f"$JS.API.CONSUMER.CREATE.{stream}.look" + (f".{subject}" if subject else "")
        made = await self.ask(where, {"stream_name": stream, "config": named})
        assert made["name"] == "look", made
        inbox = self._client.new_inbox()
        answers = await self._client.subscribe(inbox)
        batch = json.dumps({"batch": 1, "no_wait": True}).encode()
        await self._client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.look", batch, reply=inbox)
        assert await answers.next_msg(timeout=5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def look(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Look]:
    """The operator on a server where everything has been said once."""
    folder: Path = tmp_path_factory.mktemp("nats")
    async with AsyncExitStack() as stack:
        strict = await stack.enter_async_context(server(folder, plan_in(folder)))

        async def bus(user: str) -> NatsBus:
            found = await connect_as(strict, user)
            stack.push_async_callback(found.close)
            return found

        await ensure(await bus("provisioner"))
        await (await (await bus("operator")).bucket("sites")).put("home", b"a site")
        allocator, gateway, meter = await bus("allocator"), await bus("ocpp_gateway"), await bus("meter_ingest")
        await allocator.announce("evenload-allocator", "1.0.0", "allocator")

        async def answered(subject: str, data: bytes) -> bytes:
            return b'{"ok": true}'

        await allocator.serve(subjects.command("home"), answered)
        await gateway.serve(subjects.station_call("CP001"), answered)
        said = ((meter, "MeterReading", subjects.reading("home", "p1")), (gateway, "TransactionStarted", TRANSACTION))
        for said_by, kind, subject in said:
            await said_by.store(subject, cast(Event, SAMPLES[kind]), f"one {kind}")
        yield Look(await stack.enter_async_context(guest(strict, "operator")))


@pytest.mark.parametrize("command", COMMANDS)
async def test_what_is_documented_is_answered(look: Look, command: str) -> None:
    words = [quoted or plain for quoted, plain in re.findall(r"'([^']*)'|(\S+)", command)]
    _, verb, *more = words
    async with asyncio.timeout(15):
        await look.verbs[verb](*more)


async def test_all_verbs_are_documented(look: Look) -> None:
    assert {command.split()[1] for command in COMMANDS} == set(look.verbs)
