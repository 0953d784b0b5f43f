"""WebSocket frames on the wire, as far as messages go past the protocol (RFC 6455 section 5.2)."""

try:
    from websockets.speedups import apply_mask
except ImportError:  # installed without its compiled part
    from websockets.utils import apply_mask

from services.ocpp_gateway.frames import MAX_FRAME_READ_BYTES


def text_head(length: int) -> bytes:
    """Return the head of a whole, unmasked text frame (RFC 6455 section 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big")
    return b"\x81\x7f" + length.to_bytes(8, "big")


def frame_end(data: bytes, start: int) -> tuple[int, int] | None:
    """Return where the mask and where the end of the frame at `start` are; None when its head is not whole."""
    if len(data) < start + 2:
        return None
    length, place = data[start + 1] & 0x7F, start + 2
    if length >= 126:
        place += 2 if length == 126 else 8
        if len(data) < place:
            return None
        length = int.from_bytes(data[start + 2 : place], "big")
    return place, place + (4 if data[start + 1] & 0x80 else 0) + length


def after_frames(data: bytes) -> bytes:
    """Return what comes after the last whole frame; `data` begins with one."""
    start = 0
    while (found := frame_end(data, start)) is not None and found[1] <= len(data):
        start = found[1]
    return data[start:]


def whole_message(data: bytes) -> bytes | None:
    """Return the text when `data` is exactly one whole, masked text frame; None for anything else."""
    if len(data) < 6 or data[0] != 0x81 or data[1] < 0x80 or len(data) > MAX_FRAME_READ_BYTES:
        return None
    found = frame_end(data, 0)
    if found is None or found[1] != len(data):
        return None
    mask, start = found[0], found[0] + 4
    return apply_mask(data[start:], data[mask:start])
