"""Times as sources say them."""

from datetime import UTC, datetime

import pytest

from evenload.devices.stamps import stamp_of

THEN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "said", [1_700_000_000, 1_700_000_000.0, 1_700_000_000_000, "1700000000", "2023-11-14T22:13:20Z",
             "2023-11-14T23:13:20+01:00"]
)  # fmt: skip
def test_a_time_is_read(said: object) -> None:
    assert stamp_of(said) == THEN


@pytest.mark.parametrize(
    "said",
    [None, True, 0, -1, 12, 10**30, float("nan"), float("inf"), "", "now", "2023-11-14T22:13:20", "9" * 99, [], {}],
)
def test_what_is_no_sure_time_is_none(said: object) -> None:
    assert stamp_of(said) is None
