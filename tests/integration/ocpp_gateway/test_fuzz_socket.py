"""A short run of `make fuzz-socket`, and what it found."""

from pathlib import Path

from tests.fuzz.socket import fuzz_socket


async def test_hostile_input_over_sockets_disturbs_nobody(tmp_path: Path) -> None:
    heard = await fuzz_socket(tmp_path, 2_000, stations=20)
    assert heard.good, str(heard)
