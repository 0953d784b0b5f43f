"""Sungrow SH hybrids: low word first; the battery's direction stands in the bits of a state register."""

from services.meter_ingest.makes.contract import Make

SUNGROW = Make(
    title="Sungrow SH series hybrids",
    most_between=10,
    roles={
        "grid": {
            "voltage_l1_v": "input 5018 uint16 x0.1",
            "voltage_l2_v": "input 5019 uint16 x0.1",
            "voltage_l3_v": "input 5020 uint16 x0.1",
            "power_l1_w": "input 5602 int32 swapped",
            "power_l2_w": "input 5604 int32 swapped",
            "power_l3_w": "input 5606 int32 swapped",
            "power_w": "input 13009 int32 swapped x-1",
            "import_wh": "input 13036 uint32 swapped x100",
        },
        "solar": {"power_w": "input 5016 uint32 swapped or 0", "import_wh": "input 13002 uint32 swapped x100"},
        "battery": {
            "power_w": "input 13021 int16 if 13000.2 + input 13021 int16 x-1 if 13000.1",
            "soc_pct": "input 13022 uint16 x0.1",
        },
    },
    caveats=(
        "Use the inverter's own network socket; the WiNet-S stick answers wrongly or late.",
        "Registers are one less than in the maker's paper.",
    ),
)
