"""Reading YAML into a tree that knows the line of everything, and leaves the meaning of a scalar to the schema.

YAML 1.1 reads `off` as false, `1.6` as a number and `0123` as 83. Here a scalar stays the text that was written;
the schema says what it must be. The reader builds the tree from parser events, so that depth, size, aliases and
duplicate keys are bounded before anything is expanded. An alias shares its node; `size` counts it each time it is used.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml import events

from evenload.site.findings import Finding, child

MAX_BYTES = 1_000_000
MAX_DEPTH = 24
MAX_SIZE = 200_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as written. `quoted`: it was in quotes, so it is text whatever it looks like."""

    text: str
    quoted: bool
    line: int
    size: int = 1

    @property
    def empty(self) -> bool:
        """Tell whether nothing was given: an empty value, `~` or `null`."""
        return not self.quoted and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: "tuple[Node, ...]"
    line: int
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping, the line it stands on, and its value."""

    key: str
    line: int
    value: "Node"


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys in the order of the file, merged keys (`<<`) last."""

    entries: tuple[Entry, ...]
    line: int
    size: int

    def get(self, key: str) -> "Node | None":
        """Return the value of `key`, or None."""
        return next((entry.value for entry in self.entries if entry.key == key), None)


Node = Scalar | Sequence | Mapping


class TreeError(Exception):
    """A text that is no usable YAML; nothing below it can be checked."""

    def __init__(self, line: int, fault: str, remedy: str, path: str = "") -> None:
        self.line, self.fault, self.remedy, self.path = line, fault, remedy, path

    def __str__(self) -> str:
        return f"{self.line}: {self.fault}, {self.remedy}"

    def finding(self, source: str) -> Finding:
        """Return this as a finding of the file `source`."""
        return Finding(file=source, line=self.line, path=self.path, fault=self.fault, remedy=self.remedy)


def read_tree(text: str) -> tuple[Node, tuple[TreeError, ...]]:
    """Return the one document of `text` and its duplicate keys (the first of each counts); raise `TreeError` else."""
    documents = read_documents(text, most=2)
    if len(documents) > 1:
        line = documents[1][0].line
        raise TreeError(line, "a second document begins here", "keep one site a file; remove the line with ---")
    if not documents:
        raise TreeError(1, "the file is empty", "begin with `site: NAME`; deploy/examples/ has whole files")
    return documents[0]


def read_documents(text: str, *, most: int = 10_000) -> list[tuple[Node, tuple[TreeError, ...]]]:
    """Return up to `most` documents of `text`, each with its duplicate keys; raise `TreeError` when it is no YAML."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise TreeError(1, f"the file is larger than {MAX_BYTES // 1_000_000} MB", "split it; one file is one site")
    documents: list[tuple[Node, tuple[TreeError, ...]]] = []
    try:
        stream = yaml.parse(text, Loader=_LOADER)
        for event in stream:
            if isinstance(event, events.DocumentStartEvent):
                composer = _Composer(stream)
                documents.append((composer.node(next(stream), "", 0), tuple(composer.duplicates)))
            if len(documents) >= most:
                break
    except yaml.YAMLError as fault:
        raise _explained(fault, text) from fault
    except ValueError as fault:
        raise TreeError(1, "the file holds a character that YAML does not allow", "save it as plain UTF-8") from fault
    return documents


def _explained(fault: yaml.YAMLError, text: str) -> TreeError:
    """Say a YAML error in the operator's words."""
    mark = getattr(fault, "problem_mark", None) or getattr(fault, "context_mark", None)
    line = mark.line + 1 if mark is not None else 1
    rows = text.splitlines()
    if mark is not None and mark.line < len(rows) and "\t" in rows[mark.line][: mark.column + 1]:
        return TreeError(line, "a tab stands where spaces belong", "indent with spaces")
    if isinstance(fault, yaml.reader.ReaderError):
        return TreeError(line, "the file holds a character that YAML does not allow", "save it as plain UTF-8")
    problem = str(getattr(fault, "problem", None) or "not readable as YAML")
    return TreeError(
        line, f"not readable as YAML: {problem}", "look at indentation, colons, quotes and brackets just above"
    )


class _Composer:
    """Builds the tree of one document from the parser's events."""

    def __init__(self, stream: Iterator[Any]) -> None:
        self._stream = stream
        self._anchors: dict[str, Node] = {}
        self._size = 0
        self.duplicates: list[TreeError] = []

    def node(self, event: Any, path: str, depth: int) -> Node:
        """Return the node that begins with `event`."""
        line = event.start_mark.line + 1
        if depth > MAX_DEPTH:
            raise TreeError(line, f"nested deeper than {MAX_DEPTH} levels", "a site file needs five")
        if isinstance(event, events.AliasEvent):
            found = self._alias(event, line)
        else:
            if event.tag is not None and event.tag != "!":
                raise TreeError(line, f"the tag {event.tag[:60]} is not used here", "remove it")
            found = self._fresh(event, path, depth)
            if event.anchor is not None:
                self._anchors[event.anchor] = found
        self._size += found.size if isinstance(event, events.AliasEvent) else 1
        if self._size > MAX_SIZE:
            raise TreeError(line, f"more than {MAX_SIZE} values once all aliases are written out", "use fewer aliases")
        return found

    def _alias(self, event: Any, line: int) -> Node:
        if event.anchor not in self._anchors:
            raise TreeError(line, f"*{event.anchor} is not defined above", f"define it with &{event.anchor} first")
        return self._anchors[event.anchor]

    def _fresh(self, event: Any, path: str, depth: int) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, events.ScalarEvent):
            return Scalar(event.value, bool(event.style), line)
        if isinstance(event, events.SequenceStartEvent):
            return self._sequence(path, line, depth)
        return self._mapping(path, line, depth)

    def _sequence(self, path: str, line: int, depth: int) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(self._stream), events.SequenceEndEvent):
            items.append(self.node(event, child(path, len(items)), depth + 1))
        return Sequence(tuple(items), line, 1 + sum(item.size for item in items))

    def _mapping(self, path: str, line: int, depth: int) -> Mapping:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        while not isinstance(event := next(self._stream), events.MappingEndEvent):
            key_line = event.start_mark.line + 1
            key = self.node(event, path, depth + 1)
            if not isinstance(key, Scalar):
                raise TreeError(key_line, "a list or mapping stands where a key belongs", "write a word and a colon")
            value = self.node(next(self._stream), child(path, key.text[:60]), depth + 1)
            if key.text == "<<" and not key.quoted:
                merged |= {entry.key: entry for entry in _merge(value, key_line)} | merged
            elif key.text in own:
                fault = f"given twice, first on line {own[key.text].line}"
                self.duplicates.append(TreeError(key_line, fault, "remove one", child(path, key.text[:60])))
            else:
                own[key.text] = Entry(key.text, key_line, value)
        entries = (*own.values(), *(entry for name, entry in merged.items() if name not in own))
        return Mapping(entries, line, 1 + sum(1 + entry.value.size for entry in entries))


def _merge(value: Node, line: int) -> tuple[Entry, ...]:
    """Return the entries that `<<: value` brings in; of several, the first mapping wins."""
    if isinstance(value, Mapping):
        return value.entries
    if isinstance(value, Sequence):
        merged: dict[str, Entry] = {}
        for item in value.items:
            for entry in _merge(item, line):
                merged.setdefault(entry.key, entry)
        return tuple(merged.values())
    raise TreeError(line, "<< brings in something that is no mapping", "write <<: *NAME of an anchored mapping")


def tree_of(value: object, *, depth: int = 0) -> Node:
    """Return a tree (line 0) of plain Python values, as a YAML or JSON reader gives them; raise `TreeError`."""
    if depth > MAX_DEPTH:
        raise TreeError(0, f"nested deeper than {MAX_DEPTH} levels", "a site file needs five")
    if isinstance(value, dict):
        entries = tuple(Entry(_plain(key), 0, tree_of(each, depth=depth + 1)) for key, each in value.items())
        return _bounded(Mapping(entries, 0, 1 + sum(1 + entry.value.size for entry in entries)))
    if isinstance(value, list | tuple):
        items = tuple(tree_of(each, depth=depth + 1) for each in value)
        return _bounded(Sequence(items, 0, 1 + sum(item.size for item in items)))
    return Scalar(_plain(value), isinstance(value, str), 0)


def _bounded(node: Mapping | Sequence) -> Node:
    if node.size > MAX_SIZE:
        raise TreeError(0, f"more than {MAX_SIZE} values", "split the site")
    return node


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 64:
        return "1e999"
    return str(value)
