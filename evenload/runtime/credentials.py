"""Credentials of a process on NATS, from a file. They never appear in logs or errors."""

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

    def __repr__(self) -> str:
        return "Credentials(…)"

    def options(self) -> dict[str, Any]:
        """Return the client's options."""
        if self.creds_file:
            return {"user_credentials": self.creds_file}
        return {"user": self.user, "password": self.password} if self.user else {}


def read_credentials(path: str) -> Credentials:
    """Return the credentials in the file `path`, empty = none. Raises `CredentialsError`."""
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
