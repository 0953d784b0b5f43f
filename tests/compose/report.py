"""What was done, how long it took, and what was seen."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Report:
    """Prints each step as it ends; a check that fails does not end the run, a step of the guide does."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.failed: list[str] = []
        self._began_s = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line at once."""
        sys.stdout.write(f"{time.monotonic() - self._began_s:6.1f} s  {text}\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Print what was seen, and again at the end."""
        self.seen.append(text)
        self.say(f"+ {text}")

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Print `what` with the seconds it took; what fails in it goes on to whoever asked."""
        began_s = time.monotonic()
        try:
            yield
        except BaseException:
            self.say(f"✗ {what}")
            raise
        self.say(f"$ {what}   [{time.monotonic() - began_s:.1f} s]")

    @contextmanager
    def check(self, what: str) -> Iterator[None]:
        """Note what fails in it, and go on."""
        try:
            yield
        except (AssertionError, TimeoutError, KeyError, IndexError) as fault:
            self.failed.append(f"{what}: {fault}")
            self.say(f"✗ {what}: {fault}")

    def end(self) -> int:
        """Print the whole and return the exit status."""
        self.say("seen:")
        sys.stdout.write("".join(f"  {line}\n" for line in self.seen))
        if self.failed:
            sys.stdout.write("failed:\n" + "".join(f"  ✗ {line}\n" for line in self.failed))
        sys.stdout.flush()
        return 1 if self.failed else 0
