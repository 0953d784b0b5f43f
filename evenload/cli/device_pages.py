"""The pages of `docs/devices/` that are made from the drivers' schemas and tables, and the index of all of them."""

from collections.abc import Mapping

from msgspec import Struct

from evenload.cli.device_notes import NOTES, Note
from evenload.contracts.events import MeterRole
from evenload.site.drivers import (
    HAS_TIMER,
    METER_DRIVERS,
    PLUG_DRIVERS,
    TOTAL_ONLY,
    EntityFields,
    RegisterFields,
    ValueFields,
)
from evenload.site.reference import section
from services.meter_ingest.makes.contract import Make, Registers
from services.meter_ingest.makes.table import MAKES

MADE = "Made from the driver's keys by `make golden`; do not edit.\n"
METERS_BEGIN, PLUGS_BEGIN, END = "<!-- meters -->", "<!-- plugs -->", "<!-- end -->"
_FIRST_IP = 30


class Entry(Struct, frozen=True):
    """A line of the index."""

    driver: str
    title: str
    timer: str = ""

    def __str__(self) -> str:
        cells = [f"`{self.driver}`", self.title, *([self.timer] if self.timer else [])]
        return f"| {' | '.join(cells)} | [{self.driver}.md]({self.driver}.md) |"


def pages() -> dict[str, str]:
    """Return the text of each page that is made, by driver."""
    made = {name: _make_page(name, make) for name, make in MAKES.items()}
    return made | {name: _note_page(name, note) for name, note in NOTES.items()}


def indexed(text: str) -> str:
    """Return the index page with its two tables made anew."""
    meters = [str(Entry(name, _meter_title(name))) for name in sorted(METER_DRIVERS)]
    timers = {name: "yes" if name in HAS_TIMER else "no" for name in PLUG_DRIVERS}
    plugs = [str(Entry(name, NOTES[name].switches, timers[name])) for name in sorted(PLUG_DRIVERS)]
    text = _between(text, METERS_BEGIN, ["| meter driver | reads | page |", "|---|---|---|", *meters])
    return _between(text, PLUGS_BEGIN, ["| plug driver | switches | own timer | page |", "|---|---|---|---|", *plugs])


def _meter_title(name: str) -> str:
    return MAKES[name].title if name in MAKES else NOTES[name].reads


def _between(text: str, begin: str, lines: list[str]) -> str:
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(END)
    return "\n".join([f"{before}{begin}", *lines, f"{END}{after}"])


def _make_page(name: str, make: Make) -> str:
    lines = [f"  {role}: {{role: {role}, driver: {name}, host: 192.168.1.{_FIRST_IP}}}" for role in make.roles]
    if "grid" not in make.roles:
        lines.insert(0, "  grid: {role: grid, driver: sunspec, host: '192.168.1.30:1502'}")
    site = ["phases: [L1]"] if name in TOTAL_ONLY else []
    site += ["battery: {soc_min_pct: 10}"] if "battery" in make.roles else []
    snippet = "\n".join([*site, "meters:", *lines])
    parts = [f"# {make.title}\n", MADE, f"```yaml\n{snippet}\n```\n", _asked(make)]
    parts.append("".join(f"* {caveat}\n" for caveat in make.caveats))
    parts.append(section("Keys", METER_DRIVERS[name]))
    parts.append(_registers(make.roles))
    return "\n".join(parts)


def _asked(make: Make) -> str:
    dongle = f", or UDP, port {make.udp_port}" if make.udp_port else ""
    return (
        f"Modbus TCP, port {make.port}{dongle}, unit {make.unit}; asked at most every {make.fastest_s:g} s."
        " All meters at one address share one connection.\n"
    )


def _registers(roles: Mapping[MeterRole, Registers]) -> str:
    rows = [f"| {role} | `{name}` | `{text}` |" for role, table in roles.items() for name, text in table.items()]
    return "\n".join(["## What is read\n", "| role | value | registers |", "|---|---|---|", *rows]) + "\n"


def _note_page(name: str, note: Note) -> str:
    parts = [f"# {note.title}\n", MADE, note.text]
    if name in METER_DRIVERS:
        parts.append(section("Keys of the meter", METER_DRIVERS[name]))
    if name == "modbus":
        parts.append(section("`registers`", RegisterFields))
    if name in ("mqtt", "http_json"):
        parts.append(section("`fields`", ValueFields))
    if name == "homeassistant":
        parts.append(section("`entities`", EntityFields))
    if name in PLUG_DRIVERS:
        parts.append(section("Keys of the plug", PLUG_DRIVERS[name]))
    return "\n".join(parts)
