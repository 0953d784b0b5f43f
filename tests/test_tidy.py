"""The rules of the code that a program can check, and proof that each check can fail.

A fault is printed as `file:line: error: what; do this instead`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tidy.cores import banned_calls, catch_all
from tests.tidy.imports import import_direction
from tests.tidy.sizes import sizes
from tests.tidy.sleeps import sleeping_tests
from tests.tidy.source import Fault, Source, parse, read_all
from tests.tidy.state import module_state
from tests.tidy.units import units
from tests.tidy.words import words

ROOT = Path(__file__).parents[1]
Check = Callable[[Source], Iterator[Fault]]
CHECKS: tuple[Check, ...] = (
    import_direction, sizes, banned_calls, catch_all, units, module_state, words, sleeping_tests,
)  # fmt: skip
CORE = "services/allocator/engine.py"
UNIT_TEST = "tests/unit/cli/test_x.py"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_code_keeps_the_rule(check: Check) -> None:
    faults = [fault for source in read_all(ROOT) for fault in check(source)]
    assert not faults, "\n" + "\n".join(map(str, faults))


BAD: tuple[tuple[Check, str, str, str], ...] = (
    (import_direction, "evenload/contracts/x.py", "import yaml", "msgspec only"),
    (import_direction, "evenload/contracts/x.py", "from evenload.site import schema", "msgspec only"),
    (import_direction, "evenload/contracts/x.py", "import time", "msgspec only"),
    (import_direction, "evenload/site/x.py", "from evenload.runtime.bus import Bus", "below the runtime"),
    (import_direction, "evenload/runtime/x.py", "import services.allocator.engine", "knows none"),
    (import_direction, "evenload/runtime/x.py", "import nats", "Bus"),
    (import_direction, "services/allocator/service.py", "from nats.js import api", "Bus"),
    (import_direction, "services/allocator/service.py", "from services.ocpp_gateway import session", "by events"),
    (import_direction, "services/allocator/service.py", "from services import ocpp_gateway", "by events"),
    (import_direction, "services/allocator/service.py", "import evenload.cli.up", "turn the import around"),
    (import_direction, CORE, "import asyncio", "no I/O"),
    (import_direction, CORE, "from time import monotonic", "no I/O"),
    (import_direction, CORE, "def f():\n    import os", "no I/O"),
    (import_direction, CORE, "from evenload.runtime.clock import Clock", "not the other way"),
    (import_direction, CORE, "from services.allocator.service import run", "not the other way"),
    (import_direction, CORE, "from .plan import Plan", "from the root"),
    (sizes, "evenload/x.py", "x = 1\n" * 401, "split"),
    (sizes, "evenload/x.py", "def f():\n" + "    x = 1\n" * 70, "parts names"),
    (sizes, "evenload/x.py", "def f(x):\n" + "    if x:\n        x = 1\n" * 13, "table"),
    (sizes, "evenload/x.py", "def f(a, b, c, d, e): ...", "put a *"),
    (sizes, "evenload/x.py", "class A:\n    def f(self, a, b, c, d, e): ...", "put a *"),
    (banned_calls, CORE, "from datetime import datetime\nx = datetime.now()", "as an argument"),
    (banned_calls, CORE, "x = time.monotonic()", "as an argument"),
    (banned_calls, CORE, "print('x')", "as an argument"),
    (banned_calls, CORE, "x = open('f')", "as an argument"),
    (banned_calls, CORE, "async def f(): ...", "service.py does it"),
    (catch_all, "evenload/cli/x.py", "try:\n    x = 1\nexcept Exception:\n    x = 2", "name the errors"),
    (catch_all, "services/allocator/service.py", "try:\n    x = 1\nexcept:\n    x = 2", "name the errors"),
    (catch_all, "evenload/cli/x.py", "try:\n    x = 1\nexcept (OSError, BaseException):\n    x = 2", "name the errors"),
    (units, CORE, "def f(limit: float): ...", "end it with"),
    (units, CORE, "def f(*, limit: float | None = None): ...", "end it with"),
    (units, "evenload/site/x.py", "class A:\n    limit: Annotated[float, Meta(ge=0)] = 1.0", "end it with"),
    (units, "evenload/contracts/x.py", "class A:\n    limit: Amps | None = None", "end it with"),
    (module_state, "evenload/cli/x.py", "seen = []", "in CAPITALS"),
    (module_state, "evenload/cli/x.py", "SEEN = {}\ndef f():\n    SEEN['x'] = 1", "keep it in an object"),
    (module_state, "evenload/cli/x.py", "SEEN = set()\ndef f():\n    SEEN.add(1)", "keep it in an object"),
    (module_state, "evenload/cli/x.py", "X = 1\ndef f():\n    global X", "keep it in an object"),
    (words, "evenload/cli/utils.py", '"""Text."""', "name it after"),
    (words, "evenload/cli/x.py", "x = 1", "first line"),
    (words, "evenload/cli/x.py", '"""Text."""\nx = 1  # ' + "TODO later", "do it now"),
    (words, "evenload/cli/x.py", '"""Text."""\nx = 1  # ' + "type: ignore[arg-type]", "say why"),
    (sleeping_tests, UNIT_TEST, "import time\ndef test_x():\n    time.sleep(1)", "with a bound"),
    (sleeping_tests, UNIT_TEST, "from asyncio import sleep\nasync def test_x():\n    await sleep(0.1)", "with a bound"),
)  # fmt: skip
GOOD: tuple[tuple[Check, str, str], ...] = (
    (import_direction, "evenload/contracts/x.py", "import math\nimport msgspec\nfrom evenload.contracts import units"),
    (import_direction, "evenload/runtime/nats_bus.py", "import nats"),
    (import_direction, "evenload/runtime/server.py", "import nats_server"),
    (import_direction, "services/allocator/service.py", "import asyncio\nfrom services.allocator import engine"),
    (import_direction, "services/meter_ingest/drivers/shelly.py", "import aiohttp\nimport asyncio"),
    (import_direction, CORE, "from evenload.site.schema import Site\nimport math"),
    (sizes, "evenload/x.py", "def f(a, b, c, d, *, e, f): ...\nclass A:\n    def f(self, a, b, c, d): ..."),
    (sizes, "evenload/x.py", "def f():\n    def g(x):\n" + "        if x: x = 1\n" * 12 + "    return g"),
    (banned_calls, "services/allocator/service.py", "import time\nx = time.monotonic()"),
    (banned_calls, CORE, "def f(now: datetime): return now.timestamp()"),
    (catch_all, "evenload/runtime/service.py", "try:\n    x = 1\nexcept Exception:\n    x = 2"),
    (units, CORE, "def f(limit_a: float, share: float, names: str, a_s: float | None): ..."),
    (module_state, "evenload/cli/x.py", "TABLE = {'a': 1}\ndef f():\n    seen = []\n    seen.append(1)"),
    (words, "evenload/cli/x.py", '"""Text."""\nx = 1  # ' + "type: ignore[arg-type]  # the stubs lag behind"),
    (sleeping_tests, UNIT_TEST, "async def until(f):\n    for _ in range(9):\n        await asyncio.sleep(0.01)"),
    (sleeping_tests, UNIT_TEST, "async def test_x():\n    await asyncio.sleep(0)"),
)  # fmt: skip


@pytest.mark.parametrize(("check", "path", "text", "remedy"), BAD)
def test_a_broken_rule_is_found(check: Check, path: str, text: str, remedy: str) -> None:
    faults = list(check(parse(path, text)))
    assert any(remedy in str(fault) for fault in faults), faults
    assert all(str(fault).startswith(f"{path}:{fault.line}: error: ") for fault in faults)


@pytest.mark.parametrize(("check", "path", "text"), GOOD)
def test_a_kept_rule_is_not_reported(check: Check, path: str, text: str) -> None:
    assert not list(check(parse(path, text)))
