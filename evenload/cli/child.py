"""Runs a module so that it ends with its parent: `python -m evenload.cli.child MODULE [ARGUMENTS…]`.

The parent holds the other end of our standard input and never writes. When it is gone, however it died, the read ends:
the process is asked to drain like at SIGTERM, and is ended when it has not within DRAIN_S.
"""

import os
import runpy
import signal
import sys
import threading

DRAIN_S = 4.0


def main() -> None:
    """Watch the parent, then run the module as `__main__`."""
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    while os.read(0, 64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(DRAIN_S)
    os._exit(1)


if __name__ == "__main__":
    main()
