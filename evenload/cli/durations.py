"""Lengths of time as people write them: 90s, 30min, 2h, 7d."""

import re

import click

_DURATION = re.compile(r"^(\d{1,6})\s*(s|m|min|h|d)$")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


def duration_s(text: str) -> int | None:
    """Return the length in s; None when `text` is not one."""
    found = _DURATION.match(text)
    return None if found is None else int(found[1]) * _SECONDS[found[2]]


class Duration(click.ParamType[int]):
    """An option that is a length of time; its value is in s."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the length in s, or say what is expected."""
        found = value if isinstance(value, int) else duration_s(str(value))
        if found is None:
            self.fail(f"expected a time as 90s, 30min, 2h or 7d, got {value!r}", param, ctx)
        return found
