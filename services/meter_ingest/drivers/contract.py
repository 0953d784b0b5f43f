"""What a meter driver is: a function that yields raw samples of one meter until its iterator is closed.

A driver does I/O only: it asks or listens, puts what the source says into `RawSample` as it came, and raises
`DeviceError` when the source fails; the shell starts it again after a wait. Units, signs, phases and belief are decided
in `normalise`. A new driver is one file with such a function, one row in `table.py`, one options struct in
`evenload/site/drivers.py`, an emulator with a payload as the device sends it, and a page in `docs/devices/`.
"""

from collections.abc import AsyncGenerator, Callable

from evenload.devices.access import Access
from services.meter_ingest.config import MeterPlan
from services.meter_ingest.raw import RawSample

Samples = Callable[[MeterPlan, Access], AsyncGenerator[RawSample, None]]
