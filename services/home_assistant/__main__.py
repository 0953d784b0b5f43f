"""`python -m services.home_assistant`: the service as a process."""

import sys

from evenload.runtime.service import main
from services.home_assistant.service import run

if __name__ == "__main__":
    sys.exit(main("home_assistant", run))
