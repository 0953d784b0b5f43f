"""Finding one value in a JSON document by a dotted path as `a.b[0].c`; the empty path is the whole document.

A key that holds a dot is written in brackets with quotes: `a["b.c"]`. What is not there is None, as a JSON null is.
"""

import re
from typing import Any

_STEP = re.compile(r"""(?P<key>[^.\[\]]+)|\[(?P<index>[0-9]{1,4})\]|\["(?P<quoted>[^"]+)"\]""")


def steps(path: str) -> tuple[str | int, ...]:
    """Return the keys and indexes of `path`; raise `ValueError` for a path that cannot be read."""
    found: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at + (1 if at and path[at] == "." else 0))
        if match is None:
            raise ValueError(f"{path!r} is not a path: expected the form a.b[0].c")
        found.append(int(match["index"]) if match["index"] else match["key"] or match["quoted"])
        at = match.end()
    return tuple(found)


def find(document: Any, path: tuple[str | int, ...]) -> Any:
    """Return the value at `path`, None when it is not there. A lone value also counts as the first of a list."""
    here = document
    for step in path:
        if isinstance(step, int):
            here = _element(here, step)
        else:
            here = here.get(step) if isinstance(here, dict) else None
    return here


def is_there(document: Any, path: tuple[str | int, ...]) -> bool:
    """Tell whether something stands at `path`, be it a null: what is missing may be a document of another form."""
    if not path:
        return True
    above, last = find(document, path[:-1]), path[-1]
    if isinstance(last, int):
        return last < len(above) if isinstance(above, list) else last == 0 and above is not None
    return isinstance(above, dict) and last in above


def _element(here: Any, index: int) -> Any:
    if isinstance(here, list):
        return here[index] if index < len(here) else None
    return here if index == 0 else None
