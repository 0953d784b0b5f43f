"""Huawei SUN2000: the power sensor's and the storage's registers, signs + export and + charge."""

from services.meter_ingest.makes.contract import Make

HUAWEI = Make(
    title="Huawei SUN2000 with a Smart Power Sensor, by its dongle or its own network",
    fastest_s=2.0,
    connect_pause_s=1.0,
    pause_s=0.05,
    most_between=30,
    roles={
        "grid": {
            "voltage_l1_v": "holding 37101 int32 x0.1",
            "voltage_l2_v": "holding 37103 int32 x0.1",
            "voltage_l3_v": "holding 37105 int32 x0.1",
            "current_l1_a": "holding 37107 int32 x-0.01",
            "current_l2_a": "holding 37109 int32 x-0.01",
            "current_l3_a": "holding 37111 int32 x-0.01",
            "power_w": "holding 37113 int32 x-1",
            "export_wh": "holding 37119 int32 x10",
            "import_wh": "holding 37121 int32 x10",
            "power_l1_w": "holding 37132 int32 x-1",
            "power_l2_w": "holding 37134 int32 x-1",
            "power_l3_w": "holding 37136 int32 x-1",
        },
        "solar": {"power_w": "holding 32064 int32 or 0", "import_wh": "holding 32106 uint32 x10"},
        "battery": {"soc_pct": "holding 37760 uint16 x0.1", "power_w": "holding 37765 int32 x-1"},
    },
    caveats=(
        "One master only: nothing else may read it by Modbus at the same time.",
        "Modbus TCP is switched on by the installer's account: settings, communication, Modbus TCP, unrestricted.",
        "By the dongle the first answer comes a second after connecting; a period below 2 s brings nothing new.",
    ),
)
