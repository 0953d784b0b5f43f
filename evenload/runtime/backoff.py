"""How long a failed part rests before it starts again, and when it is hopeless. Pure."""

import msgspec

FIRST_S, GROWTH, MOST_S = 0.1, 2.0, 10.0
PROVEN_S = 60.0
HOPELESS_AFTER = 12


class Attempts(msgspec.Struct, frozen=True):
    """Failures in a row; a part that ran `PROVEN_S` begins a new row."""

    failures: int = 0

    @property
    def pause_s(self) -> float:
        """Rest before the next start: 0.1 s, doubling up to 10 s."""
        return min(MOST_S, FIRST_S * GROWTH ** max(0, min(self.failures, 20) - 1))

    @property
    def hopeless(self) -> bool:
        """Tell whether the process should be replaced (after about a minute of failing at each start)."""
        return self.failures >= HOPELESS_AFTER


def failed(attempts: Attempts, ran_s: float) -> Attempts:
    """Return the row after a failure of a part that had run for `ran_s`."""
    return Attempts(1 if ran_s >= PROVEN_S else attempts.failures + 1)
