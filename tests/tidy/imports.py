"""Imports point one way: contracts ← cores ← shells ← __main__; one file speaks NATS; no service knows another."""

from collections.abc import Iterator

from tests.tidy.source import Fault, Source, below, imports

NATS_FILE = "evenload/runtime/nats_bus.py"
PURE_STDLIB = (
    "abc", "bisect", "collections", "copy", "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions",
    "functools", "hashlib", "hmac", "heapq", "ipaddress", "itertools", "json", "math", "numbers", "operator", "re",
    "statistics", "string", "types", "typing", "urllib.parse", "zoneinfo",
)  # fmt: skip
IO_MODULES = (
    "aiohttp", "aiomqtt", "asyncio", "http", "io", "logging", "multiprocessing", "nats", "os", "pathlib", "random",
    "secrets", "select", "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "uuid",
    "websockets",
)  # fmt: skip

_FORBIDDEN: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("evenload/site/", ("evenload.runtime", "evenload.simulation", "evenload.cli", "services"),
     "the site file is below the runtime; move what needs the runtime there"),
    ("evenload/runtime/", ("evenload.simulation", "evenload.cli", "services"),
     "the runtime is shared by all services and knows none; hand in what it needs as an argument"),
    ("evenload/devices/", ("evenload.simulation", "evenload.cli", "services"),
     "device protocols are shared by services and know none; hand in what they need as an argument"),
    ("evenload/simulation/", ("evenload.cli",), "the command line is above the simulation; turn the import around"),
    ("services/", ("evenload.simulation", "evenload.cli"),
     "a service knows neither simulation nor command line; turn the import around"),
)  # fmt: skip


def import_direction(source: Source) -> Iterator[Fault]:
    """Report imports that point the wrong way."""
    for line, module in imports(source.tree):
        yield from _relative(source, line, module)
        yield from _contracts(source, line, module)
        yield from _nats(source, line, module)
        yield from _other_service(source, line, module)
        yield from _core(source, line, module)
        for folder, forbidden, remedy in _FORBIDDEN:
            if source.starts(folder) and below(module, *forbidden):
                yield Fault(source.path, line, f"{folder} imports {module}", remedy)


def _relative(source: Source, line: int, module: str) -> Iterator[Fault]:
    if module.startswith("."):
        yield Fault(source.path, line, "relative import", "name the module from the root, as evenload.site.load")


def _contracts(source: Source, line: int, module: str) -> Iterator[Fault]:
    allowed = below(module, "msgspec", "evenload.contracts", *PURE_STDLIB)
    if source.starts("evenload/contracts/") and not allowed:
        yield Fault(source.path, line, f"contracts import {module}", "contracts import msgspec only; move the code up")


def _nats(source: Source, line: int, module: str) -> Iterator[Fault]:
    if source.is_production and source.path != NATS_FILE and below(module, "nats"):
        yield Fault(source.path, line, "imports the NATS client", f"only {NATS_FILE} may; use evenload.runtime.bus.Bus")


def _other_service(source: Source, line: int, module: str) -> Iterator[Fault]:
    if source.parts[0] != "services" or len(source.parts) < 3 or not below(module, "services"):
        return
    if not below(module, f"services.{source.parts[1]}"):
        remedy = "talk by events; what both need belongs into evenload/contracts or evenload/site"
        yield Fault(source.path, line, f"service {source.parts[1]} imports {module}", remedy)


def _core(source: Source, line: int, module: str) -> Iterator[Fault]:
    if not source.is_core:
        return
    if below(module, *IO_MODULES):
        remedy = "a core does no I/O and reads no clock; take facts and `now` as arguments, or move it to service.py"
        yield Fault(source.path, line, f"core imports {module}", remedy)
    shells = (f"services.{source.parts[1]}.service", f"services.{source.parts[1]}.drivers")
    if below(module, "evenload.runtime", *shells):
        remedy = "shells import cores, not the other way; hand the value in as an argument"
        yield Fault(source.path, line, f"core imports {module}", remedy)
