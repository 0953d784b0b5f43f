"""The embedded server's configuration file, and what its last words mean. Pure."""

import json
from collections.abc import Sequence
from pathlib import Path

CONFIG, PID, LOCK = "nats-server.conf", "nats-server.pid", "lock"


class ServerError(Exception):
    """The embedded server cannot run; the operator must act."""

    def __init__(self, why: str, remedy: str) -> None:
        self.why, self.remedy = why, remedy

    def __str__(self) -> str:
        return f"embedded NATS server: {self.why}; {self.remedy}"


def configuration(folder: Path, port: int, http_port: int | None) -> str:
    """Return the configuration. `sync_interval: always`: what was acknowledged survives a power cut."""
    lines = [
        "# Written at each start by evenload; changes here are lost.",
        'server_name: "evenload"',
        f'listen: "127.0.0.1:{port}"',
        f"pid_file: {json.dumps(str(folder / PID))}",
        "max_payload: 1MB",
        "max_pending: 16MB",
        "max_connections: 1024",
        'write_deadline: "2s"',
        'ping_interval: "5s"',
        "ping_max: 2",
        "jetstream {",
        f"  store_dir: {json.dumps(str(folder))}",
        "  sync_interval: always",
        "  max_memory_store: 256MB",
        "}",
    ]
    if http_port is not None:
        lines.append(f'http: "127.0.0.1:{http_port}"')
    return "\n".join(lines) + "\n"


_KNOWN = (
    ("address already in use", "port {port} is taken", "stop who uses it, or choose another port (0 = a free one)"),
    ("no space left", "the disk of {folder} is full", "make room; nothing acknowledged was lost"),
    ("permission denied", "{folder} cannot be written by the server", "mend its mode, or choose another --data-dir"),
    ("read-only file system", "{folder} is on a read-only disk", "choose another --data-dir"),
    ("insufficient", "the disk of {folder} is too small for JetStream", "make room, or choose another --data-dir"),
)


def explain(lines: Sequence[str], folder: Path, port: int) -> ServerError:
    """Return the error that the server's last lines stand for."""
    text = "\n".join(lines).lower()
    for sign, why, remedy in _KNOWN:
        if sign in text:
            return ServerError(why.format(folder=folder, port=port), remedy)
    last = [line for line in lines if "[FTL]" in line or "[ERR]" in line] or list(lines)
    words = last[-1].partition("] ")[2] if last else "it said nothing"
    return ServerError(f"it did not become ready: {words}", f"see {folder / CONFIG}; is the folder whole?")
