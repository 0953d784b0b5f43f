"""`python -m services.allocator`: the service as a process."""

import sys

from evenload.runtime.service import main
from services.allocator.service import run

if __name__ == "__main__":
    sys.exit(main("allocator", run))
