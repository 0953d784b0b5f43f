"""Three of the kill -9 rounds that `make tx-kill` runs by the hundred."""

from pathlib import Path

from tests.kill.rounds import kill_rounds


async def test_kill_9_amid_transactions_loses_and_doubles_none(tmp_path: Path) -> None:
    found = await kill_rounds(tmp_path, rounds=3, stations=8, seed=3)
    assert found.good, str(found)
