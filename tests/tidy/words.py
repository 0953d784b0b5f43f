"""Names and comments: no catch-all file names, no notes to ourselves, no silenced checks without a reason."""

import ast
import re
from collections.abc import Iterator

from tests.tidy.source import Fault, Source, comments

BANNED_NAMES = frozenset({"utils", "util", "helper", "helpers", "manager", "data", "info", "process", "common", "misc"})
_NOTE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
_SILENCED = re.compile(r"^(noqa|type: ignore)(?P<codes>[:\[][\w, \-\]:]*)?(?P<reason>.*)$")


def words(source: Source) -> Iterator[Fault]:
    """Report file names that say nothing, missing first lines, and comments that hide work."""
    for part in source.parts:
        if part.removesuffix(".py") in BANNED_NAMES:
            yield Fault(source.path, 1, f"the name {part} says nothing", "name it after the rule it holds")
    if source.tree.body and ast.get_docstring(source.tree) is None and source.is_production:
        yield Fault(source.path, 1, "no docstring", "say in the first line what this file decides or guarantees")
    for line, comment in comments(source.text):
        yield from _comment(source, line, comment)


def _comment(source: Source, line: int, comment: str) -> Iterator[Fault]:
    if _NOTE.match(comment):
        yield Fault(source.path, line, "a note to ourselves", "do it now, or open an issue")
    silenced = _SILENCED.match(comment)
    if silenced and not silenced["reason"].strip():
        yield Fault(source.path, line, "a silenced check without a reason", "mend it, or say why after the code")
