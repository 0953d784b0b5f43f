"""Making a child process end when its parent is killed (Linux; elsewhere the next start cleans up)."""

import ctypes
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """Return what a child does between fork and exec so that it gets SIGTERM when we die; None where that is unknown.

    To be used from the main thread: the kernel counts the death of the thread that forked.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_for_signal() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)

    return ask_for_signal
