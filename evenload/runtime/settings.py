"""Settings of a process that are not the site's, from the environment; the same names everywhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

import msgspec

NATS_URL = "nats://127.0.0.1:4222"
"""Where `evenload up` serves by default."""
MOST_DRAIN_PCT = 6_000.0
"""All within a second."""
SCHEMES = ("nats", "tls", "ws", "wss")

LogStyle = Literal["json", "text", "auto"]


class SettingsError(Exception):
    """An environment variable that cannot be used; the operator must act."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        self.name, self.value, self.expected = name, value, expected

    def __str__(self) -> str:
        return f"environment {self.name}: expected {self.expected}, got {self.value!r}"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is told at its start."""

    nats_url: str = NATS_URL
    """One address or several, comma-separated; a user and password in it never reach a log."""
    nats_creds: str = ""
    """File with the NATS credentials: a .creds file, or one line `user:password`; empty = none."""
    nats_ca: str = ""
    """PEM file of who signed the NATS server's certificate, for tls:// addresses; empty = whom this machine trusts."""
    nats_provisioned: bool = False
    """Streams and buckets are made by `evenload nats provision`; this process does not try to."""
    nats_monitor: str = ""
    """Monitoring addresses of the NATS servers whose values this process shows as metrics; empty = none."""
    secrets_dir: str = ""
    """Folder with the password files that site files name, or in it one folder a site; empty = beside the site file."""
    share_sites: bool = False
    """Divide the sites over all replicas of this service that are told so; allocators always do."""
    http_host: str = "127.0.0.1"
    http_port: int = 0
    """Health and metrics; 0 = a free port."""
    data_dir: str = "data"
    log: LogStyle = "auto"
    log_level: str = "INFO"
    ocpp_host: str = "127.0.0.1"
    ocpp_port: int = 9000
    ocpp_open: bool = False
    """Accept stations that have no password (security profile 0)."""
    ocpp_tls_cert: str = ""
    """PEM file with the chain for stations; then they connect by wss (security profile 2); empty = plain."""
    ocpp_tls_key: str = ""
    """PEM file with its key; empty = in the file of the chain."""
    ocpp_tls_ca: str = ""
    """PEM file of who signs stations' certificates; then each must show one with its id (security profile 3)."""

    ocpp_drain_pct: float = 0.0
    """Told to stop, the gateway lets its stations go to other gateways, so many percent of the fleet's a minute;
    0 = all at once, where there is no other gateway."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Return the settings in `environ`; raise `SettingsError` for the first that cannot be used."""
        given = {key: value for key, value in environ.items() if key.startswith("EVENLOAD_") and value != ""}
        log_style = _choice(given, "EVENLOAD_LOG", get_args(LogStyle), "auto")
        return cls(
            nats_url=_addresses(given, "EVENLOAD_NATS_URL", NATS_URL),
            nats_creds=_file(given, "EVENLOAD_NATS_CREDS"),
            nats_ca=_file(given, "EVENLOAD_NATS_CA"),
            nats_provisioned=_choice(given, "EVENLOAD_NATS_PROVISIONED", ("0", "1"), "0") == "1",
            nats_monitor=_urls(given, "EVENLOAD_NATS_MONITOR"),
            secrets_dir=given.get("EVENLOAD_SECRETS_DIR", ""),
            share_sites=_choice(given, "EVENLOAD_SHARE_SITES", ("0", "1"), "0") == "1",
            http_host=given.get("EVENLOAD_HTTP_HOST", "127.0.0.1"),
            http_port=_port(given, "EVENLOAD_HTTP_PORT", 0),
            data_dir=given.get("EVENLOAD_DATA_DIR", "data"),
            log=msgspec.convert(log_style, LogStyle),
            log_level=_choice(given, "EVENLOAD_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
            ocpp_host=given.get("EVENLOAD_OCPP_HOST", "127.0.0.1"),
            ocpp_port=_port(given, "EVENLOAD_OCPP_PORT", 9000),
            ocpp_tls_cert=_file(given, "EVENLOAD_OCPP_TLS_CERT"),
            ocpp_tls_key=_file(given, "EVENLOAD_OCPP_TLS_KEY"),
            ocpp_tls_ca=_file(given, "EVENLOAD_OCPP_TLS_CA"),
            ocpp_drain_pct=_percent(given, "EVENLOAD_OCPP_DRAIN_PCT", 0.0, MOST_DRAIN_PCT),
            ocpp_open=_choice(given, "EVENLOAD_OCPP_OPEN", ("0", "1"), "0") == "1",
        )


def _choice(given: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = given.get(name, default)
    for choice in allowed:
        if value.lower() == choice.lower():
            return choice
    raise SettingsError(name, value, " | ".join(allowed))


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name, str(default))
    if not (value.isascii() and value.isdigit() and int(value) <= 65_535):
        raise SettingsError(name, value, "a port from 0 to 65535, 0 = a free one")
    return int(value)


def _percent(given: Mapping[str, str], name: str, default: float, most: float) -> float:
    value = given.get(name, str(default))
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0.0 <= number <= most:
        raise SettingsError(name, value, f"percent, from 0 to {most:g}")
    return number


def _addresses(given: Mapping[str, str], name: str, default: str) -> str:
    value = given.get(name, default)
    if not all(_is_address(address.strip()) for address in value.split(",")):
        shown = "one that cannot be read" if "@" in value else value  # it may hold a password
        raise SettingsError(name, shown, "addresses like nats://host:4222, comma-separated")
    return value


def _is_address(address: str, schemes: tuple[str, ...] = SCHEMES) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number
        return False


def _urls(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "")
    if value and not all(_is_address(url.strip(), ("http", "https")) for url in value.split(",")):
        raise SettingsError(name, value, "addresses like http://host:8222, comma-separated")
    return value


def _file(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "")
    if value and not Path(value).is_file():
        raise SettingsError(name, value, "a readable file")
    return value
