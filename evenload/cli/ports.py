"""Ports on this machine: the wished one when it is free."""

import socket

from evenload.cli.failures import Failure
from evenload.runtime.ports import free_port


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether the port can be listened on now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def wished_or_free(port: int) -> int:
    """Return `port` when it is free, else a free one: for health and metrics, which need no fixed port."""
    return port if is_free(port) else free_port()


def need(port: int, host: str, what: str, option: str) -> int:
    """Return `port`; ends the command when it is taken."""
    if not is_free(port, host):
        raise Failure(
            f"port {port} for {what} is taken on {host}", f"end who holds it, or choose another: {option} PORT"
        )
    return port
