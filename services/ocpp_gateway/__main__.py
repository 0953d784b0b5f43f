"""The gateway as a process."""

import sys

from evenload.runtime.service import main
from services.ocpp_gateway.service import run


def start() -> int:
    """Run until told to stop; return the exit status."""
    return main("ocpp_gateway", run)


if __name__ == "__main__":
    sys.exit(start())
