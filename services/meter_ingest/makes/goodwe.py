"""GoodWe ET, EH, BT, BH hybrids: the smart meter's registers, + export; battery + discharge."""

from services.meter_ingest.makes.contract import Make

GOODWE = Make(
    title="GoodWe ET, EH, BT, BH hybrids",
    udp_port=8899,
    unit=247,
    most_between=12,
    roles={
        "grid": {
            "power_l1_w": "holding 36019 int32 x-1",
            "power_l2_w": "holding 36021 int32 x-1",
            "power_l3_w": "holding 36023 int32 x-1",
            "power_w": "holding 36025 int32 x-1",
            "voltage_l1_v": "holding 36052 uint16 x0.1",
            "voltage_l2_v": "holding 36053 uint16 x0.1",
            "voltage_l3_v": "holding 36054 uint16 x0.1",
            "current_l1_a": "holding 36055 uint16 x0.1",
            "current_l2_a": "holding 36056 uint16 x0.1",
            "current_l3_a": "holding 36057 uint16 x0.1",
        },
        "solar": {
            "power_w": "holding 35105 uint32 + holding 35109 uint32 + holding 35113 uint32 + holding 35117 uint32 or 0",
            "import_wh": "holding 35191 uint32 x100",
        },
        "battery": {"power_w": "holding 35182 int32", "soc_pct": "holding 37007 uint16"},
    },
    unsigned_current=True,
    caveats=(
        "`over: tcp` needs the LAN or the newer WiFi/LAN kit. Most installed WiFi dongles answer on UDP port 8899 only:"
        " `over: udp` asks the same registers there. `evenload probe goodwe HOST -o over=udp` shows which it is.",
        "ES, EM, BP and DT inverters have other registers, which are not supported.",
    ),
)
