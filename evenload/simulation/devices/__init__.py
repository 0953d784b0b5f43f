"""Emulated meters and plugs that speak the real protocols over HTTP, MQTT, Modbus and TCP, for tests and the demo.

Payloads are written down by hand as the devices send them, never made from the drivers' own tables.
"""

from evenload.simulation.devices.dsmr import DsmrPort
from evenload.simulation.devices.enphase import Enphase
from evenload.simulation.devices.fronius import Fronius
from evenload.simulation.devices.homewizard import HomewizardKwh, HomewizardP1, HomewizardSocket
from evenload.simulation.devices.json_meter import JsonMeter
from evenload.simulation.devices.kasa import KasaPlug
from evenload.simulation.devices.modbus import ModbusDevice
from evenload.simulation.devices.mqtt_thing import MqttThing
from evenload.simulation.devices.shelly import ShellyOnePhase, ShellyPlug, ShellyPro3em
from evenload.simulation.devices.shelly_gen1 import Shelly3em, ShellyEm, ShellyGen1Plug
from evenload.simulation.devices.tasmota import TasmotaHead, TasmotaMeter, TasmotaMqtt, TasmotaMqttMeter, TasmotaPlug
from evenload.simulation.devices.world import MeterValues, MeterWorld, PlugWorld

__all__ = [
    "DsmrPort",
    "Enphase",
    "Fronius",
    "HomewizardKwh",
    "HomewizardP1",
    "HomewizardSocket",
    "JsonMeter",
    "KasaPlug",
    "MeterValues",
    "MeterWorld",
    "ModbusDevice",
    "MqttThing",
    "PlugWorld",
    "Shelly3em",
    "ShellyEm",
    "ShellyGen1Plug",
    "ShellyOnePhase",
    "ShellyPlug",
    "ShellyPro3em",
    "TasmotaHead",
    "TasmotaMeter",
    "TasmotaMqtt",
    "TasmotaMqttMeter",
    "TasmotaPlug",
]
