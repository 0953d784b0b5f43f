"""Numbers carry their unit in their name: float fields of structs and float parameters."""

import ast
from collections.abc import Iterator

from tests.tidy.source import Fault, Source, dotted, functions

SUFFIXES = (
    "_a",
    "_da",
    "_ma",
    "_as",
    "_w",
    "_kw",
    "_v",
    "_wh",
    "_kwh",
    "_kg",
    "_s",
    "_ms",
    "_pct",
    "_c",
    "_h",
    "_hz",
    "_ratio",
    "_deg",
    "_k",
    "_l",
)
WITHOUT_UNIT = frozenset({
    "cost", "factor", "fraction", "gain", "high", "l1", "l2", "l3", "low", "neutral", "number", "ratio", "raw", "scale",
    "score", "share", "sign", "total", "value", "weight",
})  # fmt: skip
"""Names of numbers that have no unit, or any unit."""
FLOAT_TYPES = frozenset({
    "float", "Amps", "Watts", "Volts", "WattHours", "Percent", "Celsius", "Seconds", "PositiveAmps",
    "NonNegativeAmps", "PositiveWatts", "NonNegativeWatts", "SitePercent", "PeriodSeconds", "Timeout",
})  # fmt: skip
_CHECKED = ("evenload/contracts/", "evenload/site/")


def units(source: Source) -> Iterator[Fault]:
    """Report float fields and parameters whose name says no unit."""
    if not source.is_core and not source.starts(*_CHECKED):
        return
    for line, name in (*_fields(source.tree), *_parameters(source.tree)):
        if not _says_unit(name):
            remedy = f"end it with one of {' '.join(SUFFIXES)}, or list it in tests/tidy/units.py when it has none"
            yield Fault(source.path, line, f"number {name} has no unit", remedy)


def _says_unit(name: str) -> bool:
    return f"_{name}".endswith(SUFFIXES) or name.split("_")[-1] in WITHOUT_UNIT


def _fields(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_float(field.annotation):
                yield field.lineno, field.target.id


def _parameters(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for function in functions(tree):
        arguments = function.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if argument.annotation is not None and _is_float(argument.annotation):
                yield argument.lineno, argument.arg


def _is_float(annotation: ast.expr) -> bool:
    """Is it float, one of our number types, Annotated of one, or a union with one."""
    if isinstance(annotation, ast.BinOp):
        return _is_float(annotation.left) or _is_float(annotation.right)
    if isinstance(annotation, ast.Subscript) and dotted(annotation.value).endswith("Annotated"):
        inner = annotation.slice
        return isinstance(inner, ast.Tuple) and _is_float(inner.elts[0])
    return dotted(annotation).split(".")[-1] in FLOAT_TYPES
