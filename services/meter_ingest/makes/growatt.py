"""Growatt hybrids: import and export, discharge and charge as two registers each; no values of single phases."""

from services.meter_ingest.makes.contract import Make

GROWATT = Make(
    title="Growatt hybrids (SPH, MOD-XH and others) with a serial-to-network converter",
    most_between=10,
    roles={
        "grid": {
            "power_w": "input 1021 uint32 x0.1 + input 1029 uint32 x-0.1",
            "import_wh": "input 1046 uint32 x100",
        },
        "solar": {"power_w": "input 1 uint32 x0.1 or 0", "import_wh": "input 91 uint32 x100"},
        "battery": {
            "power_w": "input 1009 uint32 x0.1 + input 1011 uint32 x-0.1",
            "soc_pct": "input 1014 uint16",
        },
    },
    caveats=("The grid is told as a total: on a site of three phases use another grid meter.",),
)
