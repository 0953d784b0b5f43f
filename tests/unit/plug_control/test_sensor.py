"""Which temperatures are believed, and for how long."""

from datetime import UTC, datetime

import pytest

from evenload.contracts.events import MeterReading
from services.plug_control.sensor import IMPLAUSIBLE, LOST, Belief, Rules, Sensor, believed, felt

RULES = Rules(age_s=60, least_c=0, most_c=100)


def heard(*values: tuple[float, float | None], suspect: bool = False) -> Sensor:
    """Return the sensor after readings at their times, (s, °C)."""
    sensor = Sensor()
    for at_s, value_c in values:
        reading = MeterReading(
            site="home",
            meter="t",
            role="temperature",
            measured_at=datetime(2026, 1, 1, tzinfo=UTC),
            temperature_c=value_c,
            quality="suspect" if suspect else "good",
        )
        sensor = felt(sensor, reading, at_s)
    return sensor


def trouble(belief: Belief) -> str | None:
    return None if belief.trouble is None else belief.trouble[0]


@pytest.mark.parametrize(
    ("sensor", "now_s", "temperature_c", "kind"),
    [
        (heard(), 50, None, None),
        (heard(), 61, None, LOST),
        (heard((10, 50.0)), 70, 50.0, None),
        (heard((10, 50.0)), 71, None, LOST),
        (heard((10, 50.0), (65, None)), 71, None, LOST),
        (heard((10, 101.0)), 11, None, IMPLAUSIBLE),
        (heard((10, -1.0)), 11, None, IMPLAUSIBLE),
        (heard((10, 50.0), suspect=True), 11, None, IMPLAUSIBLE),
        (heard((10, 50.0), (20, 20.0)), 21, None, IMPLAUSIBLE),
        (heard((10, 50.0), (20, 20.0), (310, 20.0)), 330, 20.0, None),
        (heard((10, 50.0), (20, 40.0)), 21, 40.0, None),
        (heard((10, 50.0), (200, 20.0)), 201, 20.0, None),
    ],
)
def test_what_is_believed(sensor: Sensor, now_s: float, temperature_c: float | None, kind: str | None) -> None:
    belief = believed(sensor, RULES, 0.0, now_s)
    assert (belief.temperature_c, trouble(belief)) == (temperature_c, kind)
