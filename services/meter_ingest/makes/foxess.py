"""FoxESS H3: the meter's power of each phase, + export; battery + discharge."""

from services.meter_ingest.makes.contract import Make

FOXESS = Make(
    title="FoxESS H3",
    unit=247,
    most_between=4,
    roles={
        "grid": {
            "power_l1_w": "holding 31026 int16 x-1",
            "power_l2_w": "holding 31027 int16 x-1",
            "power_l3_w": "holding 31028 int16 x-1",
            "import_wh": "holding 32012 uint32 x100",
        },
        "solar": {"power_w": "holding 31002 int16 + holding 31005 int16 or 0"},
        "battery": {"power_w": "holding 31036 int16", "soc_pct": "holding 31038 int16"},
    },
    caveats=("Needs its own network socket or a serial-to-network converter.",),
)
