"""Every YAML snippet of the device pages is a site file's part that loads without a fault."""

import re
from pathlib import Path

import pytest
import yaml

from evenload.site.drivers import METER_DRIVERS, PLUG_DRIVERS
from evenload.site.findings import faults
from evenload.site.load import load_text
from services.meter_ingest.config import meter_plans
from services.meter_ingest.drivers.table import DRIVERS as METERS
from services.plug_control.config import plug_plans
from services.plug_control.drivers.table import DRIVERS as PLUGS

PAGES = Path(__file__).parents[3] / "docs" / "devices"
SNIPPETS = [
    pytest.param(snippet, id=f"{page.stem}-{number}")
    for page in sorted(PAGES.glob("*.md"))
    for number, snippet in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_is_part_of_a_site_file(snippet: str) -> None:
    part = yaml.safe_load(snippet)
    rest = {
        "site": "home",
        "grid": {"breaker_a": 25},
        "meters": {"p1": {"role": "grid", "driver": "homewizard", "host": "a"}},
    }
    loaded = load_text(yaml.safe_dump({**rest, **part}, sort_keys=False), "snippet.yaml")
    assert [str(fault) for fault in faults(loaded.findings)] == []
    assert loaded.site is not None
    assert meter_plans(loaded.site)
    assert len(plug_plans(loaded.site)) == len(part.get("loads", {}))


def test_every_driver_of_the_site_file_is_there_and_has_a_page() -> None:
    assert set(METERS) == set(METER_DRIVERS)
    assert set(PLUGS) == set(PLUG_DRIVERS)
    pages = {page.stem for page in PAGES.glob("*.md")}
    assert set(METERS) | set(PLUGS) <= pages
