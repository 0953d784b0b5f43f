"""A Python file as the tidy checks see it, and the fault they report."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHELL_ENDINGS = ("service.py", "__main__.py")
"""A shell that is too long for one file is split into `*_service.py`."""


@dataclass(frozen=True)
class Fault:
    """One broken rule."""

    path: str
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: error: {self.what}; {self.remedy}"


@dataclass(frozen=True)
class Source:
    """One file: path from the project's root with `/`, text and syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def parts(self) -> tuple[str, ...]:
        """The path's folders and file name."""
        return tuple(self.path.split("/"))

    @property
    def is_test(self) -> bool:
        """Is it in `tests/`."""
        return self.parts[0] == "tests"

    @property
    def is_production(self) -> bool:
        """Is it shipped."""
        return self.parts[0] in ("evenload", "services")

    @property
    def is_core(self) -> bool:
        """Is it a service's pure part."""
        service_file = self.parts[0] == "services" and len(self.parts) > 2
        return service_file and "drivers" not in self.parts and not self.path.endswith(SHELL_ENDINGS)

    def starts(self, *prefixes: str) -> bool:
        """Is it below one of these folders."""
        return self.path.startswith(prefixes)


def parse(path: str, text: str) -> Source:
    """Return the file as a `Source`; `SyntaxError` when it is not Python."""
    return Source(path, text, ast.parse(text, filename=path))


def read_all(root: Path) -> Iterator[Source]:
    """Yield every Python file of the project."""
    for folder in ("bench", "evenload", "services", "tests"):
        for path in sorted((root / folder).rglob("*.py")):
            yield parse(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for such an expression, else the empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted module) of every import, `from a import b` as `a.b`; relative ones begin with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                yield node.lineno, "." * node.level + f"{node.module or ''}.{name.name}".strip(".")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in a function, without what stands in functions inside it."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        yield child
        yield from own_nodes(child)


def below(module: str, *roots: str) -> bool:
    """Is `module` one of `roots` or inside one."""
    return any(module == root or module.startswith(root + ".") for root in roots)


def comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text after #) of lines that hold a comment; a # in a string is taken for one too."""
    for line, content in enumerate(text.splitlines(), start=1):
        found = re.search(r"#(.*)", content)
        if found:
            yield line, found.group(1).strip()
