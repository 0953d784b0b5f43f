"""Credentials of a process on NATS, from a file. They never appear in logs or errors."""

import ssl
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec


class CredentialsError(Exception):
    """The credentials file cannot be used; the operator must act."""

    def __init__(self, path: str, why: str, remedy: str) -> None:
        self.path, self.why, self.remedy = path, why, remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.why}; {self.remedy}"


class Credentials(msgspec.Struct, frozen=True):
    """One of: nothing, a .creds file, or user and password."""

    creds_file: str = ""
    user: str = ""
    password: str = ""
    ca_file: str = ""
    """Who signed the server's certificate; empty = whom this machine trusts."""

    def __repr__(self) -> str:
        return "Credentials(…)"

    def options(self) -> dict[str, Any]:
        """Return the client's options."""
        trust: dict[str, Any] = {"tls": ssl.create_default_context(cafile=self.ca_file)} if self.ca_file else {}
        if self.creds_file:
            return trust | {"user_credentials": self.creds_file}
        return trust | ({"user": self.user, "password": self.password} if self.user else {})


def read_credentials(path: str, ca_file: str = "") -> Credentials:
    """Return the credentials in the file `path`, empty = none. Raises `CredentialsError`."""
    try:
        if ca_file:
            ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as fault:
        raise CredentialsError(ca_file, f"no certificate can be read: {fault}", "check EVENLOAD_NATS_CA") from fault
    return msgspec.structs.replace(_read(path), ca_file=ca_file)


def _read(path: str) -> Credentials:
    if not path:
        return Credentials()
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise CredentialsError(path, f"cannot be read: {fault}", "check EVENLOAD_NATS_CREDS and its mode") from fault
    if "BEGIN NATS USER JWT" in text:
        if find_spec("nkeys") is None:
            raise CredentialsError(path, "a .creds file needs the package nkeys", "pip install 'nats-py[nkeys]'")
        return Credentials(creds_file=path)
    user, colon, password = text.strip().partition(":")
    if not (user and colon and password) or "\n" in password:
        raise CredentialsError(path, "neither a .creds file nor one line user:password", "write it again")
    return Credentials(user=user, password=password)
