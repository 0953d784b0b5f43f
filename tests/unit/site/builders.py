"""Short ways to write a site file in a test."""

from evenload.site.load import Loaded, load_text
from evenload.site.schema import Site

HOME = """
site: home
grid: {breaker_a: 25, household_max_a: 10}
meters: {p1: {role: grid, driver: homewizard, host: p1.lan}}
"""


def load(text: str) -> Loaded:
    """Return what `text` holds."""
    return load_text(text, "site.yaml")


def site_of(text: str) -> Site:
    """Return the site in `text`, which must be without faults."""
    loaded = load(text)
    assert loaded.site is not None, "\n".join(map(str, loaded.findings))
    return loaded.site


def home_with(loads: str, *, more: str = "") -> str:
    """Return a house of 25 A with the loads, each on a line as `name: {…}`."""
    rows = "\n".join(f"  {row.strip()}" for row in loads.strip().splitlines())
    return f"{HOME}{more}\nloads:\n{rows}\n"
