"""Free ports of this machine, chosen where the system takes none for connections that go out."""

import random
import socket

LOWEST, HIGHEST = 15_000, 32_000
"""Linux takes ports from 32768 on, other systems from 49152 on, for who connects: one that is free a moment ago may be
taken by the time that it is listened on."""
TRIES = 50


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody uses now."""
    for port in random.sample(range(LOWEST, HIGHEST), TRIES):
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
