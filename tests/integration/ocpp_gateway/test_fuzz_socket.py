"""Short runs of `make fuzz-socket` and `make intruders`."""

from pathlib import Path

from tests.fuzz.intruders import intrude
from tests.fuzz.socket import fuzz_socket


async def test_hostile_input_over_sockets_disturbs_nobody(tmp_path: Path) -> None:
    heard = await fuzz_socket(tmp_path, 2_000, stations=20)
    assert heard.good, str(heard)


async def test_intruders_do_not_get_in_and_put_nobody_out(tmp_path: Path) -> None:
    tried = await intrude(tmp_path, 400)
    assert tried.good, str(tried)
