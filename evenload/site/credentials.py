"""Passwords of charging stations: made by the CLI, checked by the gateway.

A record is `blake2b$<salt hex>$<digest hex>` for a password that we generated: it has ≥ 128 bit, and thousands of
stations may reconnect in one second. One that a person chose is kept as `scrypt$…` and costs about 30 ms to check, in a
thread. OCPP 1.6 security profile 1 lets a password be configured as hex, and stations then send either the text or the
bytes it stands for: both are accepted.
"""

import binascii
import hashlib
import hmac
import re
import secrets

SALT_BYTES = 16
DIGEST_BYTES = 32
MAX_PASSWORD_BYTES = 256
NOBODY = f"blake2b${'00' * SALT_BYTES}${'00' * DIGEST_BYTES}"
"""A record that no password matches; checked for unknown ids so that they take as long as known ones."""
NOBODY_CHOSEN = f"scrypt${'00' * SALT_BYTES}${'00' * DIGEST_BYTES}"
"""The same for installations with chosen passwords."""
SCRYPT_COST, SCRYPT_BLOCK, SCRYPT_LANES = 2**14, 8, 1
_GENERATED = re.compile(r"[0-9a-f]{32,}")


def make_password() -> str:
    """Return a new password: 40 hex characters, 160 bit, the longest AuthorizationKey of OCPP 1.6."""
    return secrets.token_hex(20)


def is_slow(record_value: str) -> bool:
    """Tell whether checking a record takes long enough to be done in a thread."""
    return record_value.startswith("scrypt$")


def _fast(password: bytes, salt: bytes) -> bytes:
    return hashlib.blake2b(password, salt=salt, digest_size=DIGEST_BYTES).digest()


def _slow(password: bytes, salt: bytes) -> bytes:
    cost = {"n": SCRYPT_COST, "r": SCRYPT_BLOCK, "p": SCRYPT_LANES}
    return hashlib.scrypt(password, salt=salt, dklen=DIGEST_BYTES, **cost)


_DIGESTS = {"blake2b": _fast, "scrypt": _slow}


def make_credential(password: str, salt: bytes) -> str:
    """Return the record of `password` under a random `salt` of 16 bytes: a fast digest where it looks generated."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"salt: expected {SALT_BYTES} bytes, got {len(salt)}")
    scheme = "blake2b" if _GENERATED.fullmatch(password) else "scrypt"
    return f"{scheme}${salt.hex()}${_DIGESTS[scheme](password.encode(), salt).hex()}"


def _spellings(password: bytes) -> tuple[bytes, ...]:
    """Return the password as sent, as hex in both cases, and decoded from hex; once each."""
    as_hex = password.hex()
    try:
        decoded = binascii.unhexlify(password)
    except (binascii.Error, ValueError):
        decoded = password
    return tuple(dict.fromkeys((password, as_hex.encode(), as_hex.upper().encode(), decoded)))


def check_credential(record_value: str, password: bytes) -> bool:
    """Tell whether `password` fits the record, in a time that does not depend on the answer; malformed never fits."""
    scheme, _, rest = record_value.partition("$")
    salt_hex, _, digest_hex = rest.partition("$")
    digest = _DIGESTS.get(scheme)
    try:
        salt, wanted = bytes.fromhex(salt_hex), bytes.fromhex(digest_hex)
    except ValueError:
        return False
    if digest is None or len(salt) != SALT_BYTES or len(wanted) != DIGEST_BYTES:
        return False
    matches = [hmac.compare_digest(digest(form[:MAX_PASSWORD_BYTES], salt), wanted) for form in _spellings(password)]
    return any(matches) and len(password) <= MAX_PASSWORD_BYTES
