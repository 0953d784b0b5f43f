"""Finds, reads and checks scenario files; every fault is told with file, line, path and what to do."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from evenload.simulation.course import Course, moments_of
from evenload.simulation.scenario import (
    Document,
    FeedFacts,
    ForecastFacts,
    Given,
    HandFacts,
    LimitExpect,
    LoadExpect,
    LoadFacts,
    MeterFacts,
    Moment,
    Scenario,
    ThermalFacts,
    Turn,
)
from evenload.simulation.station_faults import FAULTS
from evenload.simulation.virtual_time import START
from evenload.simulation.yaml_lines import Written, YamlFault, line_of, read
from evenload.site.findings import ConfigError, Finding
from evenload.site.load import load_mapping
from evenload.site.schema import Site

_MAX_FILE_BYTES = 4_000_000
_BASE_DEPTH = 5
_PARTS = (
    Course, Document, FeedFacts, ForecastFacts, Given, HandFacts, LimitExpect, LoadExpect, LoadFacts, MeterFacts,
    Moment, ThermalFacts,
)  # fmt: skip
_PATH_IN_MESSAGE = re.compile(r" - at `(?:key in )?\$\.?([^`\[]*)")


def load_paths(paths: Iterable[str | Path]) -> list[Scenario]:
    """Return all scenarios of the files and folders, in order; raise `ConfigError` with every fault found."""
    scenarios: list[Scenario] = []
    findings: list[Finding] = []
    for path in _files(paths, findings):
        scenarios += _scenarios_of(path, findings)
    if not scenarios and not findings:
        findings.append(
            _finding("scenarios", 0, "", "no .yaml file was found", remedy="name a file or a folder of them")
        )
    if findings:
        raise ConfigError(tuple(findings))
    return scenarios


def merged(below: Any, above: Any) -> Any:
    """Return `below` with `above` put over it: mappings key by key, everything else replaced; None takes a key away."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    result = dict(below)
    for key, value in above.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result[key], value) if key in result else value
    return result


def _files(paths: Iterable[str | Path], findings: list[Finding]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*.y*ml") if found.suffix in (".yaml", ".yml"))
        elif path.is_file():
            yield path
        else:
            findings.append(_finding(str(path), 0, "", "there is no such file or folder", remedy="check the path"))


def _scenarios_of(path: Path, findings: list[Finding]) -> list[Scenario]:
    scenarios = []
    for written in _documents(path, findings):
        found = _scenario(path, written, findings)
        if found is not None:
            scenarios.append(found)
    return scenarios


def _documents(path: Path, findings: list[Finding]) -> list[Written]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            findings.append(_finding(str(path), 0, "", f"larger than {_MAX_FILE_BYTES} bytes", remedy="split it"))
            return []
        return [written for written in read(path.read_text("utf-8")) if written.value is not None]
    except YamlFault as fault:
        findings.append(_finding(str(path), fault.line, "", f"not YAML: {fault.fault}", remedy="correct the line"))
    except (OSError, UnicodeDecodeError) as fault:
        findings.append(_finding(str(path), 0, "", f"cannot be read: {fault}", remedy="check the file"))
    return []


def _scenario(path: Path, written: Written, findings: list[Finding]) -> Scenario | None:
    """Return the checked scenario, or None with what is wrong added to `findings`."""
    source = str(path)
    if not isinstance(written.value, dict):
        findings.append(_finding(source, written.lines[""], "", "not a scenario", remedy="write name, site and given"))
        return None
    before = len(findings)
    value = _with_base(path, written, findings, _BASE_DEPTH)
    document = _converted(value, Document, (source, written.lines, ""), findings)
    if document is None:
        return None
    site = _site(document.site, (source, written.lines, "site"), findings)
    if site is None:
        return None
    turns = _turns(document, value, (source, written.lines), findings)
    findings += _cross_checks(document, site, (source, written.lines))
    if len(findings) > before:
        return None
    return Scenario(
        file=source,
        name=document.name,
        why=document.why,
        site=site,
        given=document.given,
        expect=document.expect,
        moments=turns,
        always=document.always,
        starts_at=document.starts_at,
        expect_limits=document.expect_limits,
    )


def _with_base(path: Path, written: Written, findings: list[Finding], depth: int) -> dict[str, Any]:
    """Return the document with `site` and `given` merged over those of its base, `file.yaml#name` or `#name`."""
    value: dict[str, Any] = written.value
    base = value.get("base")
    if not isinstance(base, str):
        return value
    file, _, name = base.partition("#")
    base_path = path.parent / file if file else path
    if depth == 0 or not base_path.is_file():
        fault = "bases form a loop or are too deep" if depth == 0 else f"base file {base_path} is missing"
        findings.append(
            _finding(str(path), line_of(written.lines, "base"), "base", fault, remedy="name file.yaml#scenario")
        )
        return value
    for other in _documents(base_path, findings):
        if isinstance(other.value, dict) and (not name or other.value.get("name") == name):
            below = _with_base(base_path, other, findings, depth - 1)
            parts = {key: merged(below.get(key, {}), value.get(key, {})) for key in ("site", "given", "course")}
            return {**value, **{key: part for key, part in parts.items() if part or key != "course"}}
    findings.append(
        _finding(
            str(path), line_of(written.lines, "base"), "base", f"no scenario {name!r} in {base_path}", remedy="name one"
        )
    )
    return value


def _turns(
    document: Document, value: dict[str, Any], where: tuple[str, dict[str, int]], findings: list[Finding]
) -> tuple[Turn, ...]:
    """Return the timeline with each moment's changes merged into what was in force before."""
    site, given, turns = value["site"], value["given"], []
    coming = [*_course(document, value, where, findings), *enumerate(document.timeline)]
    order = sorted(coming, key=lambda item: item[1].at_s)
    for index, moment in order:
        at = "course" if index < 0 else f"timeline.{index}"
        site, given = merged(site, moment.site), merged(given, moment.given)
        turns.append(
            Turn(
                at_s=moment.at_s,
                given=_converted(given, Given, (*where, f"{at}.given"), findings) if moment.given else None,
                site=_site(site, (*where, f"{at}.site"), findings) if moment.site else None,
                fault=moment.fault,
                expect=moment.expect,
                expect_limits=moment.expect_limits,
            )
        )
    return tuple(turns)


def _course(
    document: Document, value: dict[str, Any], where: tuple[str, dict[str, int]], findings: list[Finding]
) -> list[tuple[int, Moment]]:
    """Return the moments of the document's course, all numbered −1; its faults are told as a timeline's."""
    if document.course is None:
        return []
    course = _converted(document.course, Course, (*where, "course"), findings)
    site = _site(value["site"], (*where, "site"), [])
    if course is None or site is None:
        return []
    source, lines = where
    for key, names in (("outdoor", course.outdoor), ("water", course.water)):
        for name in sorted(set(names) - set(document.given.thermal)):
            at, remedy = f"course.{key}", "give it a mass in given.thermal"
            findings.append(_finding(source, line_of(lines, at), at, f"nothing is known of {name}", remedy=remedy))
            return []
    return [(-1, moment) for moment in moments_of(course, site, document.starts_at or START)]


def _converted(value: Any, wanted: Any, where: tuple[str, dict[str, int], str], findings: list[Finding]) -> Any:
    source, lines, prefix = where
    try:
        return msgspec.convert(value, wanted, strict=True)
    except msgspec.ValidationError as fault:
        text = str(fault)
        match = _PATH_IN_MESSAGE.search(text)
        above = ".".join(part for part in (prefix, match.group(1) if match else "") if part)
        unknown = re.search(r"unknown field `([^`]*)`", text)
        path = _path_below(lines, above, unknown.group(1)) if unknown else above
        remedy = _nearest(unknown.group(1)) if unknown else "tests/scenarios has examples of every key"
        findings.append(_finding(source, line_of(lines, path), path, text.split(" - at ")[0], remedy=remedy))
        return None


def _site(value: dict[str, Any], where: tuple[str, dict[str, int], str], findings: list[Finding]) -> Site | None:
    source, lines, prefix = where
    loaded = load_mapping(value, source, simulated=True)
    for found in loaded.findings:
        if found.severity == "fault":
            path = f"{prefix}.{found.path}".rstrip(".").replace("[", ".").replace("]", "")
            findings.append(_finding(source, line_of(lines, path), path, found.fault, remedy=found.remedy))
    return loaded.site


def _cross_checks(document: Document, site: Site, where: tuple[str, dict[str, int]]) -> Iterator[Finding]:
    """Yield what names something that the site lacks."""
    source, lines = where
    named: list[tuple[str, Iterable[str]]] = [("given.loads", document.given.loads), ("expect", document.expect)]
    named += [("given.thermal", document.given.thermal), ("given.by_hand", document.given.by_hand)]
    named.append(("always", document.always))
    named += [(f"timeline.{index}.expect", moment.expect) for index, moment in enumerate(document.timeline)]
    for path, loads in named:
        for load in sorted(set(loads) - set(site.loads)):
            at = f"{path}.{load}"
            yield _finding(
                source, line_of(lines, at), at, "the site has no such load", remedy=f"one of {sorted(site.loads)}"
            )
    for load, facts in document.given.loads.items():
        if facts.fault is not None and facts.fault not in FAULTS:
            at = f"given.loads.{load}.fault"
            close = get_close_matches(facts.fault, sorted(FAULTS), n=1)
            remedy = f"did you mean {close[0]}?" if close else f"one of {', '.join(sorted(FAULTS))}"
            yield _finding(source, line_of(lines, at), at, f"no station fault is named {facts.fault}", remedy=remedy)
    yield from _sources_named(document, site, where)
    for phase in sorted(set(document.given.household_a) - set(site.phases)):
        at = f"given.household_a.{phase}"
        yield _finding(
            source, line_of(lines, at), at, "the site has no such phase", remedy=f"one of {list(site.phases)}"
        )
    if site.battery is not None and document.given.soc_pct is None:
        yield _finding(source, line_of(lines, "given"), "given.soc_pct", "the site has a battery", remedy="say its soc")


def _sources_named(document: Document, site: Site, where: tuple[str, dict[str, int]]) -> Iterator[Finding]:
    """Yield feeds that the site file does not name."""
    source, lines = where
    for name in sorted(set(document.given.feeds) - set(site.limits)):
        at = f"given.feeds.{name}"
        remedy = f"one of {sorted(site.limits)}" if site.limits else "add it below site.limits"
        yield _finding(source, line_of(lines, at), at, "the site names no such limit", remedy=remedy)


def _path_below(lines: dict[str, int], above: str, key: str) -> str:
    """Return the path of an unknown key: below `above`, which may leave out the names between them."""
    found = (path for path in lines if path.startswith(above) and path.rpartition(".")[2] == key)
    return next(found, f"{above}.{key}".lstrip("."))


def _nearest(word: str) -> str:
    known = {name for part in _PARTS for name in part.__struct_fields__}
    close = get_close_matches(word, sorted(known), n=1)
    return f"did you mean {close[0]}?" if close else "take it away"


def _finding(file: str, line: int, path: str, fault: str, *, remedy: str) -> Finding:
    return Finding(file=file, line=line, path=path, fault=fault, remedy=remedy, severity="fault")
