"""`python -m services.meter_ingest`: the service as a process."""

import sys

from evenload.runtime.service import main
from services.meter_ingest.service import run

if __name__ == "__main__":
    sys.exit(main("meter_ingest", run))
