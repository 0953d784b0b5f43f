"""What TLS costs in memory: KiB for each idle session, the gateway and bare websockets, without and with it.

Servers run in processes of their own, one after the other, as in `bench.gateway`.
Run: python -m bench.tls_memory [--sessions 2000]
"""

import argparse
import ssl
import sys
from pathlib import Path

from bench.gateway import Server, gathered, run, serving, settled
from bench.ocpp_servers import CERTIFICATE

SERVERS = ("bare", "bare-tls", "ours", "ours-tls")


async def _kib(server: Server, number: int, base_kib: int, *, tls: bool) -> float:
    """Return KiB for each of so many idle sessions."""
    context = ssl.create_default_context(cafile=Path(CERTIFICATE).with_name("ca.pem")) if tls else None
    stations = await gathered(server.port, range(number), context=context)
    await settled(stations)
    kib = (server.resident_kib() - base_kib) / number
    for station in stations:
        station.abort()
    return kib


def tls_kib(number: int) -> dict[str, float]:
    """Return KiB for each idle session, ours and bare, without and with TLS."""
    found = {}
    for name in SERVERS:
        with serving(name, 1) as server:
            base_kib = server.resident_kib()
        with serving(name, number) as server:
            found[name] = run(_kib(server, number, base_kib, tls=name.endswith("tls")))
    return found


def show_tls(kib: dict[str, float], number: int) -> None:
    """Print what TLS costs."""
    print(f"{number} idle sessions, KiB each: bare {kib['bare']:.1f}, with TLS {kib['bare-tls']:.1f}; ", end="")
    print(f"ours {kib['ours']:.1f}, with TLS {kib['ours-tls']:.1f}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=2_000)
    wanted = parser.parse_args()
    show_tls(tls_kib(wanted.sessions), wanted.sessions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
