"""No state hides in a module: tables in capitals that nobody changes are all a module may hold."""

import ast
from collections.abc import Iterator

from tests.tidy.source import Fault, Source, dotted

_CONTAINERS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_MAKERS = frozenset({"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict"})
_CHANGERS = frozenset({
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "remove",
    "setdefault", "sort", "update",
})  # fmt: skip
_REMEDY = "keep it in an object that the shell makes, or take it as argument and return the next one"


def module_state(source: Source) -> Iterator[Fault]:
    """Report module-level containers that are or can be changed, and `global`."""
    if not source.is_production:
        return
    held: set[str] = set()
    for line, name, value in _assignments(source.tree):
        if not _is_container(value):
            continue
        held.add(name)
        if name != name.upper() and name != "__all__":
            yield Fault(
                source.path, line, f"module holds the changeable {name}", f"a constant table is in CAPITALS; {_REMEDY}"
            )
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global):
            yield Fault(source.path, node.lineno, f"global {', '.join(node.names)}", _REMEDY)
        name = _changed(node)
        if name in held:
            yield Fault(source.path, getattr(node, "lineno", 0), f"changes the module's {name}", _REMEDY)


def _assignments(tree: ast.Module) -> Iterator[tuple[int, str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield node.lineno, target.id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.lineno, node.target.id, node.value


def _is_container(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return dotted(value.func).split(".")[-1] in _MAKERS
    return isinstance(value, _CONTAINERS)


def _changed(node: ast.AST) -> str:
    """Return the name whose content this changes by a changing method or an item; empty when none."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGERS:
        return dotted(node.func.value)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return dotted(node.value)
    return ""
