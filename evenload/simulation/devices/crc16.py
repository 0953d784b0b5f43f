"""The CRC-16 of polynomial A001, lowest bit first: P1 telegrams begin with 0, Modbus frames with FFFF.

Emulators work it out by themselves: what a driver checks must not come from the driver.
"""

MODBUS_START = 0xFFFF


def crc16(data: bytes, start: int = 0) -> int:
    """Return the checksum, 0 to FFFF."""
    crc = start
    for byte in data:
        crc ^= byte
        for _ in range(8):
            odd, crc = crc & 1, crc >> 1
            if odd:
                crc ^= 0xA001
    return crc
