"""Loading a site file: reading, the schema, the cross-checks; every fault in one run, none raised.

`load_text` and `load_file` return the site, or None, with all findings; a site comes only without faults (warnings do
not refuse). `parse_site` is for those who need the site or an exception. `simulated` is for scenario files: there the
simulation provides meters, drivers and stations, so they may be left out.
"""

from pathlib import Path

from msgspec import Struct

from evenload.site.check_devices import extras
from evenload.site.check_files import check_files
from evenload.site.checks import check_site
from evenload.site.findings import ConfigError, Finding, Report, faults
from evenload.site.leaves import Bad, Reading
from evenload.site.schema import Site
from evenload.site.shape import build
from evenload.site.yaml_tree import MAX_BYTES, Node, TreeError, read_tree, tree_of


class Loaded(Struct, frozen=True):
    """What came of a file: the site (None when refused) and all findings in the order of lines."""

    site: Site | None
    findings: tuple[Finding, ...]


def load_text(text: str, source: str, *, simulated: bool = False) -> Loaded:
    """Return what the YAML `text` holds; `source` is the file name in messages. Never raises for bad content."""
    try:
        tree, duplicates = read_tree(text)
    except TreeError as fault:
        return Loaded(None, (fault.finding(source),))
    return load_tree(tree, source, simulated=simulated, duplicates=duplicates)


def load_mapping(value: object, source: str, *, simulated: bool = False) -> Loaded:
    """Return what plain Python values hold, as read from a scenario file; findings then have no line."""
    try:
        tree = tree_of(value)
    except TreeError as fault:
        return Loaded(None, (fault.finding(source),))
    return load_tree(tree, source, simulated=simulated)


def load_tree(tree: Node, source: str, *, simulated: bool = False, duplicates: tuple[TreeError, ...] = ()) -> Loaded:
    """Return what a tree of `yaml_tree` holds."""
    report = Report(source)
    return _loaded(_checked(tree, duplicates, report, simulated=simulated), report)


def _checked(tree: Node, duplicates: tuple[TreeError, ...], report: Report, *, simulated: bool) -> Site | Bad:
    report.place("", tree.line)
    for duplicate in duplicates:
        report.add(duplicate.finding(report.source))
    site: Site | Bad = build(Site, tree, "", Reading(report, simulated))
    report.spoil()
    if isinstance(site, Site):
        check_site(site, report, simulated=simulated)
    return site


def _loaded(site: Site | Bad, report: Report) -> Loaded:
    findings = report.findings()
    usable = site if isinstance(site, Site) and not faults(findings) else None
    return Loaded(usable, findings)


def load_file(path: Path | str) -> Loaded:
    """Return what the file holds; what this machine lacks for it (files it names, extras) is told too."""
    source = str(path)
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as fault:
        why = fault.strerror or "cannot be read"
        return _refused(source, f"cannot read the file: {why}", "check its name and who may read it")
    except UnicodeDecodeError:
        return _refused(source, "the file is not UTF-8 text", "save it as UTF-8")
    try:
        tree, duplicates = read_tree(text)
    except TreeError as fault:
        return Loaded(None, (fault.finding(source),))
    report = Report(source)
    site = _checked(tree, duplicates, report, simulated=False)
    if isinstance(site, Site):
        extras(site, report)
        check_files(site, Path(path).parent, report)
    return _loaded(site, report)


def parse_site(text: str, source: str) -> Site:
    """Return the site in `text`; raise `ConfigError` with all findings when it has a fault."""
    loaded = load_text(text, source)
    if loaded.site is None:
        raise ConfigError(loaded.findings)
    return loaded.site


def _refused(source: str, fault: str, remedy: str) -> Loaded:
    return Loaded(None, (Finding(file=source, line=0, path="", fault=fault, remedy=remedy),))
