"""`python -m services.planner`: the service as a process."""

import sys

from evenload.runtime.service import main
from services.planner.service import run

if __name__ == "__main__":
    sys.exit(main("planner", run))
