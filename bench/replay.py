"""A simulated day of four loads with a meter that reads each second, recorded and replayed.

Sun under clouds, a house whose appliances switch, a battery, two cars that come and go, a heater and a pump. Printed:
how long recording and replaying took, with the commands that a user has. Target: byte for byte equal, in under 10 s.
Run: python -m bench.replay [--hours 24] [--seed 1] [--keep FOLDER]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from evenload.simulation.weather import house_a, sun_w

EVENLOAD = str(Path(sys.executable).with_name("evenload"))
SITE = {
    "site": "day",
    "phases": ["L1", "L2", "L3"],
    "grid": {"breaker_a": 25, "household_max_a": 12},
    "inverter": {"max_w": 10_000},
    "battery": {"max_charge_w": 3000, "max_discharge_w": 3000},
    "loads": {
        "wallbox": {"type": "evse", "station": "CP001", "max_a": 16, "mode": "solar_priority"},
        "guest": {"type": "evse", "station": "CP002", "max_a": 16, "phases": ["L2", "L3", "L1"], "mode": "standard"},
        "heater": {"type": "plug", "power_w": 2000, "phases": ["L1"], "priority": 3, "mode": "solar_only"},
        "pump": {"type": "plug", "power_w": 700, "phases": ["L3"], "priority": 4, "mode": "solar_only"},
    },
}
STEP_S = 120
QUIET_S = 1800
"""At the end nothing changes, so that the run settles."""
VISITS = {"wallbox": ((0, 6.5), (17.5, 24)), "guest": ((10, 14), (19, 22))}
"""Hours of the day in which a car is there."""
HOUSE_SPEED = 30.0
"""The house of the demo lives so many times faster than a real one."""


def day(hours: float, seed: int) -> dict[str, Any]:
    """Return the scenario."""
    moments = [{"at_s": at_s, "given": given_at(at_s, seed)} for at_s in range(STEP_S, int(hours * 3600), STEP_S)]
    moments = [moment for moment in moments if moment["at_s"] <= hours * 3600 - QUIET_S]
    moments.append({"at_s": round(hours * 3600)})
    begin = given_at(0, seed)
    begin["loads"] |= {name: {"status": "charging"} for name in ("heater", "pump")}
    given = {"soc_pct": 70, "capacity_wh": 10_000, "meters": {"solar": True, "noise_a": 0.03}, "seed": seed} | begin
    return {
        "name": "a day",
        "why": "four loads, a reading each second",
        "site": SITE,
        "given": given,
        "timeline": moments,
    }


def given_at(at_s: float, seed: int) -> dict[str, Any]:
    """Return sun, house and cars at a time of the day."""
    house = house_a(at_s / HOUSE_SPEED, seed)
    cars = {
        name: {"status": "charging" if any(a * 3600 <= at_s < b * 3600 for a, b in visits) else "available"}
        for name, visits in VISITS.items()
    }
    household = {phase: round(value, 2) for phase, value in zip(SITE["phases"], house, strict=True)}
    return {"household_a": household, "solar_w": round(sun_w(at_s, seed, 9000.0)), "loads": cars}


def timed(*command: str) -> tuple[float, float, str]:
    """Run an evenload command; return how long it took, s, the CPU time of its processes, s, and its output."""
    began_s, cpu_s = time.perf_counter(), _children_s()
    done = subprocess.run([EVENLOAD, *command], check=False, capture_output=True, text=True)
    took_s = time.perf_counter() - began_s
    if done.returncode != 0:
        sys.stdout.write(done.stdout + done.stderr)
    return took_s, _children_s() - cpu_s, done.stdout


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(hours: float, seed: int, folder: Path) -> int:
    """Record and replay; print the table; return the exit status."""
    scenario, record = folder / "day.yaml", folder / "day.jsonl"
    scenario.write_text(yaml.safe_dump(day(hours, seed), sort_keys=False), encoding="utf-8")
    record.unlink(missing_ok=True)
    simulated_s, _, _ = timed("simulate", str(scenario), "--record", str(record))
    replayed_s, cpu_s, out = timed("replay", str(record), "--json")
    counts = json.loads(out)["counts"]
    whole = counts["equal"] == counts["decisions"] and not json.loads(out)["gaps"]
    rows = (
        ("simulated and recorded", f"{hours:g} h in {simulated_s:.1f} s, {record.stat().st_size / 1e6:.1f} MB"),
        ("decisions made again", f"{counts['steps']:,}, of them told {counts['decisions']:,}"),
        ("equal byte for byte", f"{counts['equal']:,}; memories on the way {counts['memories']}"),
        ("replay took", f"{replayed_s:.1f} s (target 10 s for 24 h), load of the machine {os.getloadavg()[0]:.1f}"),
        (
            "CPU time of it",
            f"{cpu_s:.1f} s on {os.cpu_count()} cores, {cpu_s / counts['steps'] * 1e6:.0f} µs a decision",
        ),
    )
    for name, figure in rows:
        sys.stdout.write(f"{name:24} {figure}\n")
    return 0 if whole else 1


def main() -> None:
    """Measure with the options given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0, help="length of the day")
    parser.add_argument("--seed", type=int, default=1, help="weather and house")
    parser.add_argument("--keep", type=Path, help="folder for scenario and record; default: thrown away")
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        sys.exit(measure(options.hours, options.seed, options.keep))
    with tempfile.TemporaryDirectory(prefix="evenload-day-") as folder:
        sys.exit(measure(options.hours, options.seed, Path(folder)))


if __name__ == "__main__":
    main()
