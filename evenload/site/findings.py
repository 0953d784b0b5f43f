"""What is wrong with a site file: findings that say where, what, and what to do; and the report that gathers them."""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Severity = Literal["fault", "warning"]
MAX_FINDINGS = 200
"""A report stops listing here: no operator reads more, and a hostile file must not fill the memory."""


class Finding(Struct, frozen=True, kw_only=True):
    """One fault or warning. `line` counts from 1; 0 = the source has no lines. `path` is empty for the whole file."""

    file: str
    line: int
    path: str
    fault: str
    remedy: str
    severity: Severity = "fault"

    def __str__(self) -> str:
        """Return `file:line: path: what is wrong, what to do`."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        mark = "" if self.severity == "fault" else "warning: "
        path = f"{self.path}: " if self.path else ""
        return f"{where}: {path}{mark}{self.fault}, {self.remedy}"


class ConfigError(Exception):
    """The operator must act: a site file or setting is refused. `findings` holds every fault and warning."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)


def faults(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings for which a file is refused."""
    return tuple(finding for finding in findings if finding.severity == "fault")


def child(path: str, name: str | int) -> str:
    """Return the path of the entry `name` below `path`: `loads.wallbox`, `phases[1]`."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


class Report:
    """Gathers the findings of one file. It knows the line of each path, and which paths are already at fault."""

    def __init__(self, source: str, lines: Mapping[str, int] | None = None) -> None:
        self.source = source
        self._lines: dict[str, int] = dict(lines or {})
        self._found: list[Finding] = []
        self._told: dict[Severity, int] = {"fault": 0, "warning": 0}
        self._spoiled: set[str] = set()
        self._suspected: set[str] = set()
        self._missing: list[Finding] = []

    def place(self, path: str, line: int) -> None:
        """Remember on which line `path` stands."""
        self._lines.setdefault(path, line)

    def line_of(self, path: str) -> int:
        """Return the line of `path`, or of the nearest section above it that stands in the file."""
        while path and path not in self._lines:
            path = parent(path)
        return self._lines.get(path, 1 if self._lines else 0)

    def fault(self, path: str, what: str, remedy: str, *, involves: Iterable[str] = ()) -> None:
        """Add a fault, unless `path` or one that it `involves` is already at fault: then it may be a mere echo."""
        self._judge(self._finding(path, what, remedy), involves)

    def warning(self, path: str, what: str, remedy: str, *, involves: Iterable[str] = ()) -> None:
        """Add a warning, under the same condition as a fault."""
        self._judge(replace(self._finding(path, what, remedy), severity="warning"), involves)

    def add(self, finding: Finding) -> None:
        """Add a finding that knows its own line."""
        self._found.append(finding)

    def missing(self, path: str, what: str, remedy: str) -> None:
        """Add a fault for a required key that is not there, unless a misspelt key turns out to mean it."""
        self._missing.append(self._finding(path, what, remedy))

    def suspect(self, path: str) -> None:
        """Take `path` as meant by a misspelt key: it counts as at fault though it is not in the file."""
        self._suspected.add(path)

    def spoil(self) -> None:
        """Take the faults so far as those whose echoes are not reported; called between schema and cross-checks."""
        self._found += [finding for finding in self._missing if finding.path not in self._suspected]
        self._missing = []
        self._spoiled = {finding.path for finding in faults(self._found)} | self._suspected

    def findings(self) -> tuple[Finding, ...]:
        """Return the findings in the order of lines; of more than MAX_FINDINGS, faults before warnings."""
        found = sorted(set(self._found), key=lambda finding: (finding.line, finding.path, finding.fault))
        kept = sorted(found, key=lambda finding: finding.severity == "warning")[:MAX_FINDINGS]
        return tuple(finding for finding in found if finding in kept)

    def _finding(self, path: str, what: str, remedy: str) -> Finding:
        return Finding(file=self.source, line=self.line_of(path), path=path, fault=what, remedy=remedy)

    def _judge(self, finding: Finding, involves: Iterable[str]) -> None:
        echo = any(self._is_spoiled(each) for each in (finding.path, *involves))
        if not echo and self._told[finding.severity] < 10 * MAX_FINDINGS:
            self._told[finding.severity] += 1
            self._found.append(finding)

    def _is_spoiled(self, path: str) -> bool:
        return any(_covers(fault, path) or _covers(path, fault) for fault in self._spoiled)


def parent(path: str) -> str:
    """Return the path of the section that holds `path`; empty at the top."""
    cut = max(path.rfind("."), path.rfind("["))
    return path[:cut] if cut > 0 else ""


def _covers(above: str, below: str) -> bool:
    return not above or below == above or below.startswith((f"{above}.", f"{above}["))
