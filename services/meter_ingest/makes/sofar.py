"""Sofar G3: the connection point's registers in 10 W, + export; currents have no sign."""

from services.meter_ingest.makes.contract import Make

SOFAR = Make(
    title="Sofar HYD 5…20K-3PH, HYD 3…6K-EP, KTL-G3",
    most_between=30,
    roles={
        "grid": {
            "power_w": "holding 1160 int16 x-10",
            "voltage_l1_v": "holding 1165 uint16 x0.1",
            "current_l1_a": "holding 1170 uint16 x0.01",
            "power_l1_w": "holding 1171 int16 x-10",
            "voltage_l2_v": "holding 1176 uint16 x0.1",
            "current_l2_a": "holding 1181 uint16 x0.01",
            "power_l2_w": "holding 1182 int16 x-10",
            "voltage_l3_v": "holding 1187 uint16 x0.1",
            "current_l3_a": "holding 1192 uint16 x0.01",
            "power_l3_w": "holding 1193 int16 x-10",
            "import_wh": "holding 1678 uint32 x100",
        },
        "solar": {"power_w": "holding 1476 uint16 x100 or 0", "import_wh": "holding 1670 uint32 x100"},
        "battery": {"power_w": "holding 1542 int16 x-10", "soc_pct": "holding 1544 uint16"},
    },
    unsigned_current=True,
    caveats=(
        "Power is told in steps of 10 W, solar in steps of 100 W.",
        "The battery's sign was not seen on a device: when it is wrong, `invert: true` on the battery meter.",
    ),
)
