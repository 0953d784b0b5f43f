"""What `evenload simulate --why` says: every load at chosen moments of a scenario, as `evenload why` says it."""

import re
from collections.abc import Callable
from typing import Any

import click

from evenload.cli.why_case import Asked
from evenload.cli.why_sentences import sentences
from evenload.contracts.events import Decision
from evenload.simulation.scenario import Scenario
from evenload.simulation.world import World
from evenload.site.schema import Site

_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)")


class Moment(click.ParamType[float]):
    """A time from the start as 12:30; s."""

    name = "H:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the moment in s; fail with what is expected."""
        found = _CLOCK.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no time from the start; write it as 12:30", param, ctx)
        return int(found[1]) * 3600.0 + int(found[2]) * 60.0


class Explained:
    """Keeps the newest decision, and tells it when the next one is past a chosen moment."""

    def __init__(self, moments_s: tuple[float, ...], write: Callable[[str], None]) -> None:
        self._moments_s, self._write = sorted(moments_s), write
        self._left_s: list[float] = []
        self._scenario: Scenario | None = None
        self._newest: tuple[float, Decision, Site] | None = None

    def on_decision(self, scenario: Scenario, now_s: float, decision: Decision, world: World) -> None:
        """Take a decision; tell of the moments that lie before it."""
        if scenario is not self._scenario:
            self.end()
            self._scenario, self._left_s, self._newest = scenario, list(self._moments_s), None
        self._tell(now_s)
        self._newest = now_s, decision, world.site

    def end(self) -> None:
        """Tell of the moments that no decision came after, but none beyond the last one."""
        if self._newest is not None:
            self._tell(self._newest[0] + 1e-6)
        self._newest = None

    def _tell(self, until_s: float) -> None:
        while self._left_s and self._left_s[0] < until_s:
            at_s = self._left_s.pop(0)
            if self._newest is None:
                continue
            decided_s, decision, site = self._newest
            name = "" if self._scenario is None else f"{self._scenario.name}, "
            self._write(f"# {name}{at_s // 3600:.0f}:{at_s % 3600 // 60:02.0f}")
            for load in decision.loads:
                asked = Asked(site=site, decision=decision, age_s=max(0.0, at_s - decided_s))
                self._write(" ".join(sentences(asked, load.load)))
