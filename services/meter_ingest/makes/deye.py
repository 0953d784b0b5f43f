"""Deye and Sunsynk three-phase hybrids: the external current transformers, + import; battery + discharge."""

from services.meter_ingest.makes.contract import Make

DEYE = Make(
    title="Deye, Sunsynk three-phase hybrids (SG04LP3 and others)",
    most_between=30,
    roles={
        "grid": {
            "voltage_l1_v": "holding 598 uint16 x0.1",
            "voltage_l2_v": "holding 599 uint16 x0.1",
            "voltage_l3_v": "holding 600 uint16 x0.1",
            "current_l1_a": "holding 613 int16 x0.01",
            "current_l2_a": "holding 614 int16 x0.01",
            "current_l3_a": "holding 615 int16 x0.01",
            "power_l1_w": "holding 616 int16",
            "power_l2_w": "holding 617 int16",
            "power_l3_w": "holding 618 int16",
            "power_w": "holding 625 int16",
            "import_wh": "holding 522 uint32 swapped x100",
        },
        "solar": {
            "power_w": "holding 672 uint16 + holding 673 uint16 + holding 674 uint16 + holding 675 uint16 or 0",
            "import_wh": "holding 534 uint32 swapped x100",
        },
        "battery": {"soc_pct": "holding 588 uint16", "power_w": "holding 590 int16"},
    },
    unsigned_current=True,
    caveats=(
        "The external transformers (CT) must sit at the grid connection; without them it sees the inverter only.",
        "High-voltage models count solar in 10 W: read them with the driver `modbus`.",
        "The logger stick speaks another protocol on port 8899; a serial-to-network converter speaks this one.",
    ),
)
