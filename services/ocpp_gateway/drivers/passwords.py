"""Passwords checked without holding the loop up: chosen ones in a thread, two at once, then remembered in memory.

What is remembered is a digest under a key of this process over record and password: neither can be had from it, and a
changed record is another one. Where any station has a chosen password, unknown ids take as long as it.
"""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from typing import Final

from evenload.site.credentials import NOBODY, NOBODY_CHOSEN, check_credential, is_slow

AT_ONCE: Final = 2
REMEMBERED: Final = 20_000


class Passwords:
    """Checks passwords against records."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._any_slow = False

    def is_costly(self, record_value: str, password: bytes) -> bool:
        """Tell whether checking would take a thread and some ten milliseconds."""
        record_value = self._alike(record_value)
        return is_slow(record_value) and self._mark(record_value, password) not in self._good

    def _alike(self, record_value: str) -> str:
        """Return what is checked: where chosen passwords are in use, unknown ids take as long as them."""
        self._any_slow = self._any_slow or is_slow(record_value)
        return NOBODY_CHOSEN if record_value == NOBODY and self._any_slow else record_value

    def _mark(self, record_value: str, password: bytes) -> bytes:
        return hashlib.blake2b(record_value.encode() + b"\0" + password[:1_000], key=self._key).digest()

    async def fits(self, record_value: str, password: bytes) -> bool:
        """Tell whether the password fits."""
        record_value = self._alike(record_value)
        if not is_slow(record_value):
            return check_credential(record_value, password)
        mark = self._mark(record_value, password)
        if mark in self._good:
            self._good.move_to_end(mark)
            return True
        async with self._places:
            good = await asyncio.to_thread(check_credential, record_value, password)
        if good:
            self._good[mark] = None
            while len(self._good) > REMEMBERED:
                self._good.popitem(last=False)
        return good
