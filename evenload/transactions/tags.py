"""Hashes of what transactions say: of id tags under a key, so that no stream holds a tag, and of contents. Pure."""

import hashlib

MAX_KEY_BYTES = 64


def content_hash(*parts: object) -> str:
    """Return a hash of what a message says, so that a repeat is known by its content."""
    return hashlib.blake2b("\x1f".join(str(part) for part in parts).encode(), digest_size=16).hexdigest()


def tag_hash(id_tag: str, key: bytes) -> str:
    """Return the keyed hash under which an id tag is stored; tags compare without case; "" stays ""."""
    if not id_tag:
        return ""
    return hashlib.blake2b(id_tag.lower().encode(), key=key[:MAX_KEY_BYTES], digest_size=16).hexdigest()
