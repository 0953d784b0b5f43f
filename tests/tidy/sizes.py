"""Sizes that a reader can hold: files, functions, branches, positional parameters."""

import ast
from collections.abc import Iterator

from tests.tidy.source import Fault, Source, functions, own_nodes

FILE_LINES, FUNCTION_LINES, BRANCHES, POSITIONAL = 400, 70, 12, 4
_BRANCHING = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)


def sizes(source: Source) -> Iterator[Fault]:
    """Report what is too large."""
    lines = source.text.count("\n")
    if lines > FILE_LINES:
        yield Fault(source.path, FILE_LINES, f"{lines} lines in a file (≤ {FILE_LINES})", "split by what it decides")
    for function in functions(source.tree):
        yield from _function(source, function)


def _function(source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Fault]:
    line, name = function.lineno, function.name
    lines = (function.end_lineno or line) - line + 1
    branches = sum(isinstance(node, _BRANCHING) for node in own_nodes(function))
    positional = _positional(function)
    if lines > FUNCTION_LINES:
        yield Fault(source.path, line, f"{name} has {lines} lines (≤ {FUNCTION_LINES})", "give its parts names")
    if branches > BRANCHES:
        remedy = "move branches into a table or into functions of their own"
        yield Fault(source.path, line, f"{name} has {branches} branches (≤ {BRANCHES})", remedy)
    if positional > POSITIONAL and not source.is_test:
        remedy = "put a * before the rest, or make a struct of what belongs together"
        yield Fault(source.path, line, f"{name} has {positional} positional parameters (≤ {POSITIONAL})", remedy)


def _positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of positional parameters without self and cls."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))
