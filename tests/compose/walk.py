"""A newcomer with the guide: each of its command lines, in its order, in the folder that it names."""

import asyncio
import shutil
import subprocess
from pathlib import Path

from tests.compose.engine import Engine, Json, state
from tests.compose.guide import GUIDE, ROOT, blocks
from tests.compose.report import Report

START_S, STATUS_S = 300.0, 60.0
"""The guide promises five minutes for all of it."""
ENDS = ("sites", "setup")
"""Containers that end when they are done."""


class Walk:
    """The guide's steps on an engine."""

    def __init__(self, engine: Engine, report: Report) -> None:
        self.engine, self.report = engine, report
        self.steps = blocks(GUIDE)

    def lines(self, beginning: str, block: int = 0) -> list[str]:
        """Return the command lines of a block of the step whose heading begins so."""
        (found,) = (each for heading, each in self.steps.items() if heading.startswith(beginning))
        return found[block]

    def clone(self, line: str) -> None:
        """Do the guide's `git clone`: this tree, with what is not committed yet, for the user who types."""
        words = line.replace("<this repository>", str(ROOT)).split()
        subprocess.run([*words[:2], "--quiet", *words[2:]], cwd=self.engine.folder, check=True)
        listing = ["git", "ls-files", "--modified", "--others", "--exclude-standard"]
        for name in subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split():
            target = self.engine.folder / "evenload" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_file():
                shutil.copy(ROOT / name, target)
        self.engine.give(self.engine.folder / "evenload")
        self.engine.give(self.engine.home)

    async def do(self, line: str) -> str:
        """Do one command line of the guide; return what it says. A `cd` is for all after it."""
        with self.report.step(line):
            if line.startswith("git clone"):
                self.clone(line)
                return ""
            if line.startswith("cd "):
                self.engine.folder = self.engine.folder / line.removeprefix("cd ")
                return ""
            return await self.engine.must(line)

    async def do_all(self, lines: list[str]) -> dict[str, str]:
        """Do command lines in order; return what each says."""
        return {line: await self.do(line) for line in lines}

    async def healthy(self, within_s: float = START_S) -> float:
        """Return after how many seconds all containers are healthy, and those that end have ended well."""
        took_s = await self.engine.settled(_all_well_or_failed, within_s, "all healthy")
        found = await self.engine.containers()
        assert _all_well(found), {service: state(each) for service, each in found.items()}
        return took_s

    async def until_said(self, line: str, *words: str, within_s: float = STATUS_S) -> str:
        """Type `line` again and again until it says all `words`; return what it says then."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        while True:
            _, said = await self.engine.run(line)
            if all(word in said for word in words):
                return said
            assert loop.time() < end_s, f"{line}: does not say {words} within {within_s:g} s:\n{said}"

    @property
    def site(self) -> Path:
        """The file of the home of one's own."""
        return self.engine.folder / "site" / "site.yaml"


def _all_well(found: dict[str, Json]) -> bool:
    return len(found) > len(ENDS) and all(
        state(each) in (("exited 0",) if service in ENDS else ("healthy", "running")) for service, each in found.items()
    )


def _all_well_or_failed(found: dict[str, Json]) -> bool:
    """Tell whether there is nothing to wait for: all is well, or what should end by itself ended badly."""
    ended = [state(found[service]) for service in ENDS if service in found]
    return _all_well(found) or any(each.startswith("exited") and each != "exited 0" for each in ended)
