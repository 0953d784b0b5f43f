"""`python -m services.plug_control`: the service as a process."""

import sys

from evenload.runtime.service import main
from services.plug_control.service import run

if __name__ == "__main__":
    sys.exit(main("plug_control", run))
