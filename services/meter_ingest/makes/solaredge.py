"""SolarEdge hybrid: the battery's registers, floats with the low word first, + charge."""

from services.meter_ingest.makes.contract import Make

SOLAREDGE = Make(
    title="SolarEdge inverters with a battery (StorEdge, Home Hub)",
    port=1502,
    most_between=20,
    roles={
        "battery": {
            "power_w": "holding 62836 float32 swapped x-1",
            "soc_pct": "holding 62852 float32 swapped",
        },
    },
    caveats=(
        "One master only: nothing else may read it by Modbus at the same time.",
        "Grid and solar are read with the driver `sunspec` at the same address; they share the one connection.",
    ),
)
