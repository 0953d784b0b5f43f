"""YAML documents as plain values, with the line of every key.

Only `true` and `false` are booleans, so that `mode: off` stays the word; every document may use anchors.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

_BOOL = "tag:yaml.org,2002:bool"


class ScenarioLoader(yaml.SafeLoader):
    """YAML 1.2 booleans on top of the safe loader."""

    yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0] != _BOOL]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


ScenarioLoader.add_implicit_resolver(_BOOL, re.compile("^(?:true|false)$"), list("tf"))


@dataclass(frozen=True)
class Written:
    """One document: its value, and for each dotted path the line on which its key stands (from 1)."""

    value: Any
    lines: dict[str, int]


class YamlFault(Exception):
    """Not YAML; `line` from 1."""

    def __init__(self, line: int, fault: str) -> None:
        self.line, self.fault = line, fault

    def __str__(self) -> str:
        return f"line {self.line}: {self.fault}"


@lru_cache(maxsize=256)
def read(text: str) -> tuple[Written, ...]:
    """Return the documents of `text`; raise `YamlFault`.

    Many scenarios stand on a few bases, whose files are read for each of them: nobody may change what is returned.
    """
    loader = ScenarioLoader(text)
    found = []
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                break
            lines: dict[str, int] = {"": node.start_mark.line + 1}
            _note_lines(node, "", lines)
            found.append(Written(value=loader.construct_document(node), lines=lines))
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        raise YamlFault(mark.line + 1 if mark else 1, fault.problem or str(fault)) from fault
    except (yaml.YAMLError, RecursionError, ValueError) as fault:
        raise YamlFault(1, str(fault)) from fault
    finally:
        loader.dispose()
    return tuple(found)


def line_of(lines: dict[str, int], path: str) -> int:
    """Return the line of `path`, or of the nearest key above it."""
    while path and path not in lines:
        path = path.rpartition(".")[0]
    return lines.get(path, 1)


def _note_lines(node: yaml.Node, path: str, lines: dict[str, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = f"{path}.{key.value}" if path else str(key.value)
            lines[below] = key.start_mark.line + 1
            _note_lines(value, below, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            below = f"{path}.{index}" if path else str(index)
            lines[below] = value.start_mark.line + 1
            _note_lines(value, below, lines)
