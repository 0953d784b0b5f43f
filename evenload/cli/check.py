"""`evenload check`: all faults and warnings of site files, with file, line, path and remedy."""

from collections.abc import Iterable
from pathlib import Path

import click

from evenload.cli.failures import Failure
from evenload.site.findings import Finding, faults
from evenload.site.load import Loaded, load_file

EXAMPLES = """\b
Examples:
  evenload check home.yaml
  evenload check sites/*.yaml
\b
Example output:
  home.yaml:21: loads.wallbox.max_a: expected <= 400, got 1600, write A per phase
  home.yaml:24: loads.wallbox.prioritty: unknown key, did you mean priority?
  home.yaml:12: circuits.garage.limit_a: warning: 40 A is above the main breaker (25 A), it is capped
  home.yaml: 2 faults, 1 warning: refused
\b
Exit status: 0 no faults (warnings do not refuse a file), 1 faults.
"""


@click.command(epilog=EXAMPLES)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Check site files; every fault is reported in one run, and nothing is started or changed."""
    load_all(files)


def load_all(files: Iterable[Path]) -> dict[Path, Loaded]:
    """Print what is found in the files and return what they hold; ends the command when one has a fault."""
    loaded = {path: load_file(path) for path in files}
    for path, found in loaded.items():
        report(found.findings)
        click.echo(summary(path, found))
    refused = [path for path, found in loaded.items() if found.site is None]
    if refused:
        raise click.exceptions.Exit(1)
    _no_site_twice(loaded)
    return loaded


def report(findings: Iterable[Finding]) -> None:
    """Print findings: faults first, in red, then warnings."""
    for finding in sorted(findings, key=lambda each: (each.severity != "fault", each.line)):
        click.secho(str(finding), fg="red" if finding.severity == "fault" else "yellow", err=True)


def summary(path: Path, loaded: Loaded) -> str:
    """Return one line on a file: its counts, and what it holds when it is accepted."""
    wrong = len(faults(loaded.findings))
    counts = [_count(wrong, "fault"), _count(len(loaded.findings) - wrong, "warning")]
    told = ", ".join(count for count in counts if count)
    if loaded.site is None:
        return f"{path}: {told}: refused"
    site = loaded.site
    holds = f"site {site.site}: {_count(len(site.loads), 'load')}, {_count(len(site.meters), 'meter')}"
    return f"{path}: {told or 'good'}: {holds}"


def _count(number: int, noun: str) -> str:
    return "" if number == 0 else f"{number} {noun}" + ("" if number == 1 else "s")


def _no_site_twice(loaded: dict[Path, Loaded]) -> None:
    files: dict[str, Path] = {}
    for path, found in loaded.items():
        assert found.site is not None
        if found.site.site in files:
            first = files[found.site.site]
            raise Failure(f"{path}: site {found.site.site} is in {first} too", "give one of them another `site:` name")
        files[found.site.site] = path
