"""What the allocator shows of a site's breaker."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from evenload.contracts.events import Decision
from evenload.contracts.phases import PerPhase
from services.allocator.metrics import AllocatorMetrics
from tests.golden.samples import SAMPLES


def decision(grid_a: PerPhase) -> Decision:
    sample = SAMPLES["Decision"]
    assert isinstance(sample, Decision)
    return replace(sample, site="home", grid_a=grid_a, breaker_a=20.0, decided_at=datetime(2026, 1, 1, tzinfo=UTC))


def test_an_overload_warms_the_breaker_and_a_site_that_went_is_forgotten() -> None:
    registry = CollectorRegistry()
    metrics = AllocatorMetrics(registry)
    metrics.decided(decision(PerPhase(20.0, 0.0, -5.0)), 0, 100.0)
    metrics.decided(decision(PerPhase(30.0, 0.0, -5.0)), 0, 400.0)
    metrics.decided(decision(PerPhase(20.0, 0.0, -5.0)), 0, 700.0)

    def heat(phase: str) -> float | None:
        return registry.get_sample_value("evenload_breaker_heat_ratio", {"site": "home", "phase": phase})

    assert heat("L1") == pytest.approx(2.25 + (1.0 - 2.25) * 0.36788, abs=1e-3), "1.5 times the rating for 300 s"
    assert heat("L3") == 0.0
    metrics.forget("home", (), ())
    assert heat("L1") is None


def test_a_scrape_shows_the_newest_decision_and_nothing_of_a_site_that_went() -> None:
    registry = CollectorRegistry()
    metrics = AllocatorMetrics(registry)

    def grid(phase: str) -> float | None:
        return registry.get_sample_value("evenload_grid_amperes", {"site": "home", "phase": phase})

    metrics.decided(decision(PerPhase(20.0, 0.0, -5.0)), 0, 100.0)
    metrics.decided(decision(PerPhase(12.0, 0.0, -5.0)), 0, 101.0)
    assert (grid("L1"), grid("L3")) == (12.0, -5.0)
    metrics.decided(decision(PerPhase(13.0, 0.0, -5.0)), 0, 102.0)
    metrics.forget("home", (), ())
    assert grid("L1") is None
