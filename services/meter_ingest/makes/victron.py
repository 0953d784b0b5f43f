"""Victron GX: the system's registers, W per phase, + import; battery + charge."""

from services.meter_ingest.makes.contract import Make

VICTRON = Make(
    title="Victron Cerbo GX, Venus GX and other GX devices",
    unit=100,
    most_between=2,
    roles={
        "grid": {
            "power_l1_w": "input 820 int16",
            "power_l2_w": "input 821 int16",
            "power_l3_w": "input 822 int16",
        },
        "solar": {
            "power_w": (
                "input 808 uint16 + input 809 uint16 + input 810 uint16"
                " + input 811 uint16 + input 812 uint16 + input 813 uint16 + input 850 uint16 or 0"
            )
        },
        "household": {
            "power_l1_w": "input 817 uint16",
            "power_l2_w": "input 818 uint16",
            "power_l3_w": "input 819 uint16",
        },
        "battery": {"power_w": "input 842 int16 x-1", "soc_pct": "input 843 uint16"},
    },
    caveats=(
        "Modbus TCP is switched on at the GX: settings, services.",
        "The power of one phase is told up to 32,767 W; currents are worked out from it and `voltage_v`.",
    ),
)
