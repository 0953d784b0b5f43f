"""SMA, its own Modbus profile: not-a-number at night, import and export as two registers."""

from services.meter_ingest.makes.contract import Make

SMA = Make(
    title="SMA Sunny Tripower, Sunny Boy, Sunny Boy Storage, Smart Energy",
    unit=3,
    most_between=4,
    roles={
        "grid": {
            "power_w": "input 30865 int32 + input 30867 int32 x-1",
            "import_wh": "input 30581 uint32",
            "export_wh": "input 30583 uint32",
            "voltage_l1_v": "input 31253 uint32 x0.01",
            "voltage_l2_v": "input 31255 uint32 x0.01",
            "voltage_l3_v": "input 31257 uint32 x0.01",
            "power_l1_w": "input 31259 uint32 x-1 + input 31265 uint32",
            "power_l2_w": "input 31261 uint32 x-1 + input 31267 uint32",
            "power_l3_w": "input 31263 uint32 x-1 + input 31269 uint32",
        },
        "solar": {"power_w": "input 30775 int32 or 0", "import_wh": "input 30513 uint64"},
        "battery": {
            "power_w": "input 31395 uint32 + input 31393 uint32 x-1",
            "soc_pct": "input 30845 uint32",
        },
    },
    caveats=(
        "Modbus TCP is switched on in the inverter's own web page, external communication.",
        "Grid values need an SMA Energy Meter or Home Manager that the inverter listens to.",
        "At night an inverter says that its power is not a number; that is 0.",
    ),
)
