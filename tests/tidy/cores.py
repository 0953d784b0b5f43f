"""What a core must not call: clocks, chance, files, output; and what only the service shell may catch."""

import ast
from collections.abc import Iterator

from tests.tidy.source import Fault, Source, dotted

BANNED_CALLS = (
    "datetime.now", "datetime.utcnow", "datetime.today", "datetime.datetime.now", "date.today", "datetime.date.today",
    "open", "print", "input", "breakpoint", "exec", "eval", "getattr", "setattr",
)  # fmt: skip
BANNED_PREFIXES = ("time.", "random.", "os.", "logging.", "asyncio.", "secrets.", "uuid.", "sys.")
SHELL_THAT_MAY_CATCH_ALL = "evenload/runtime/service.py"
_CATCH_ALL = ("Exception", "BaseException")


def banned_calls(source: Source) -> Iterator[Fault]:
    """Report calls that make a core depend on anything but its arguments."""
    if not source.is_core and not source.starts("evenload/contracts/"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield Fault(source.path, node.lineno, "async in a core", "return what to do; service.py does it and waits")
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        if name in BANNED_CALLS or name.startswith(BANNED_PREFIXES):
            remedy = "take the value as an argument, or return the action for service.py"
            yield Fault(source.path, node.lineno, f"core calls {name}()", remedy)


def catch_all(source: Source) -> Iterator[Fault]:
    """Report handlers that swallow our own mistakes."""
    if not source.is_production or source.path == SHELL_THAT_MAY_CATCH_ALL:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node.type):
            remedy = f"name the errors that can come; only {SHELL_THAT_MAY_CATCH_ALL} catches all"
            yield Fault(source.path, node.lineno, "catches every exception", remedy)


def _catches_all(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(dotted(name).split(".")[-1] in _CATCH_ALL for name in names)
