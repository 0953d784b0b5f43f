"""The demo's site file is good, also with an odd station's entry."""

import json

import pytest

from evenload.simulation.demo_site import DemoPorts, demo_site
from evenload.simulation.station_faults import FAULTS
from evenload.site.load import load_text


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_the_site_of_every_odd_station_is_good(fault: str) -> None:
    entry = json.dumps(FAULTS[fault].entry)
    ports = DemoPorts(p1=1, inverter=2, plug=3, wallbox_key="a.key", guest_key="b.key", wallbox_entry=entry)
    loaded = load_text(demo_site(ports), "demo.yaml")
    assert loaded.site is not None, loaded.findings
    assert loaded.site.stations["CP001"].password_file == "a.key"
