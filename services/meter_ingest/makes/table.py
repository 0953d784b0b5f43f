"""Driver name in the site file → make. One row a make."""

from services.meter_ingest.makes.contract import Make
from services.meter_ingest.makes.deye import DEYE
from services.meter_ingest.makes.foxess import FOXESS
from services.meter_ingest.makes.goodwe import GOODWE
from services.meter_ingest.makes.growatt import GROWATT
from services.meter_ingest.makes.huawei import HUAWEI
from services.meter_ingest.makes.sma import SMA
from services.meter_ingest.makes.sofar import SOFAR
from services.meter_ingest.makes.solaredge import SOLAREDGE
from services.meter_ingest.makes.sungrow import SUNGROW
from services.meter_ingest.makes.victron import VICTRON

MAKES: dict[str, Make] = {
    "deye": DEYE,
    "foxess": FOXESS,
    "goodwe": GOODWE,
    "growatt": GROWATT,
    "huawei": HUAWEI,
    "sma": SMA,
    "sofar": SOFAR,
    "solaredge": SOLAREDGE,
    "sungrow": SUNGROW,
    "victron": VICTRON,
}
