"""Tests wait for what they need, never for time to pass."""

import ast
from collections.abc import Iterator

from tests.tidy.source import Fault, Source, dotted, imports

_SLEEPS = frozenset({"time.sleep", "asyncio.sleep", "anyio.sleep"})


def sleeping_tests(source: Source) -> Iterator[Fault]:
    """Report sleeps in tests outside a polling loop; `sleep(0)` only yields."""
    if not source.is_test:
        return
    bare = {module.split(".")[-1] for _, module in imports(source.tree) if module in _SLEEPS}
    for node, in_loop in _walk(source.tree, in_loop=False):
        if in_loop or not isinstance(node, ast.Call) or dotted(node.func) not in _SLEEPS | bare:
            continue
        if not (node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0):
            remedy = "wait for the event or condition itself, with a bound"
            yield Fault(source.path, node.lineno, "the test sleeps", remedy)


def _walk(node: ast.AST, in_loop: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = False
        else:
            inside = in_loop or isinstance(child, ast.For | ast.While | ast.AsyncFor)
        yield child, inside
        yield from _walk(child, inside)
