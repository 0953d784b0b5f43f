"""Raw samples out of any JSON document, by the paths that the site file names."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs

from evenload.devices.errors import DeviceError
from evenload.devices.json_path import find, steps
from evenload.devices.stamps import stamp_of
from evenload.site.drivers import ValueFields
from services.meter_ingest.raw import Raw, RawLine, RawSample, Traits

LINES = ("l1", "l2", "l3")


class Reader(Struct, frozen=True):
    """The paths of a source, taken apart once, and how the source speaks."""

    paths: dict[str, tuple[str | int, ...]]
    traits: Traits

    def sample(self, document: Any) -> RawSample:
        """Return what `document` says at the paths."""
        return sample_of({name: find(document, path) for name, path in self.paths.items()}, self.traits)


def sample_of(found: Mapping[str, Raw], traits: Traits) -> RawSample:
    """Return what was found, by the names of `ValueFields`, as a raw sample."""
    lines = tuple(
        RawLine(
            current=found.get(f"current_{line}_a"),
            power=found.get(f"power_{line}_w"),
            voltage=found.get(f"voltage_{line}_v"),
        )
        for line in LINES
    )
    return RawSample(
        traits=traits,
        lines=lines,
        power=found.get("power_w"),
        current=found.get("current_a"),
        voltage=found.get("voltage_v"),
        imported=(found.get("import_wh"),),
        exported=(found.get("export_wh"),),
        soc=found.get("soc_pct"),
        temperature=found.get("temperature_c"),
        taken_at=stamp_of(found.get("taken_at")),
    )


def reader(fields: ValueFields, scale: float, reports_changes: bool) -> Reader:
    """Return the reader of `fields`; raise `DeviceError` naming a path that cannot be read."""
    paths: dict[str, tuple[str | int, ...]] = {}
    for name, path in structs.asdict(fields).items():
        if path is None:
            continue
        try:
            paths[name] = steps(path)
        except ValueError as fault:
            raise DeviceError("refused", f"fields.{name}", str(fault), "correct the site file") from fault
    traits = Traits(current_scale=scale, power_scale=scale, energy_scale=scale, reports_changes=reports_changes)
    return Reader(paths, traits)
