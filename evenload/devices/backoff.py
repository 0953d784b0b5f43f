"""Waits between tries: doubled from the first to the longest, never without bound."""

from msgspec import Struct


class Backoff(Struct, frozen=True):
    """First and longest wait, s."""

    first_s: float = 1.0
    longest_s: float = 5.0

    def wait_s(self, failures: int) -> float:
        """Return the wait after so many failures in a row; 0 failures: no wait."""
        if failures <= 0:
            return 0.0
        return min(self.longest_s, self.first_s * float(2 ** min(failures - 1, 16)))
