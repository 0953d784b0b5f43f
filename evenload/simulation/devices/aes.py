"""AES with a key of 16 bytes, block by block (FIPS 197), as small plugs use it. Slow and for emulators only."""

from collections.abc import Iterator

ROUNDS, BLOCK = 10, 16


def _doubled(byte: int) -> int:
    return (byte << 1 ^ (0x11B if byte & 0x80 else 0)) & 0xFF


def _times(byte: int, factor: int) -> int:
    found = 0
    while factor:
        found ^= byte if factor & 1 else 0
        byte, factor = _doubled(byte), factor >> 1
    return found


def _box() -> bytes:
    """Return the substitution: the inverse in GF(2⁸), then a turn of its bits."""
    inverse = [next((other for other in range(256) if _times(byte, other) == 1), 0) for byte in range(256)]
    return bytes(0x63 ^ one ^ _turned(one, 1) ^ _turned(one, 2) ^ _turned(one, 3) ^ _turned(one, 4) for one in inverse)


def _turned(byte: int, bits: int) -> int:
    return (byte << bits | byte >> (8 - bits)) & 0xFF


BOX = _box()
BACK = bytes(BOX.index(byte) for byte in range(256))
SHIFT = tuple((5 * place) % BLOCK for place in range(BLOCK))
UNSHIFT = tuple(SHIFT.index(place) for place in range(BLOCK))
MIX, UNMIX = (2, 3, 1, 1), (14, 11, 13, 9)


def _round_keys(key: bytes) -> list[bytes]:
    words, constant = [key[at : at + 4] for at in range(0, BLOCK, 4)], 1
    for number in range(4, 4 * (ROUNDS + 1)):
        last = words[-1]
        if number % 4 == 0:
            last = bytes(BOX[byte] for byte in last[1:] + last[:1])
            last = bytes([last[0] ^ constant]) + last[1:]
            constant = _doubled(constant)
        words.append(_joined(words[-4], last))
    return [b"".join(words[at : at + 4]) for at in range(0, len(words), 4)]


def _joined(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other, strict=True))


def _mixed(state: bytes, factors: tuple[int, ...]) -> bytes:
    return bytes(
        _times(column[row], factors[0])
        ^ _times(column[(row + 1) % 4], factors[1])
        ^ _times(column[(row + 2) % 4], factors[2])
        ^ _times(column[(row + 3) % 4], factors[3])
        for column in (state[at : at + 4] for at in range(0, BLOCK, 4))
        for row in range(4)
    )


def _blocks(text: bytes) -> Iterator[bytes]:
    return (text[at : at + BLOCK] for at in range(0, len(text), BLOCK))


def _hidden(block: bytes, keys: list[bytes]) -> bytes:
    state = _joined(block, keys[0])
    for number in range(1, ROUNDS + 1):
        state = bytes(BOX[state[place]] for place in SHIFT)
        state = _joined(state if number == ROUNDS else _mixed(state, MIX), keys[number])
    return state


def _shown(block: bytes, keys: list[bytes]) -> bytes:
    state = _joined(block, keys[ROUNDS])
    for number in range(ROUNDS - 1, -1, -1):
        state = _joined(bytes(BACK[state[place]] for place in UNSHIFT), keys[number])
        state = state if number == 0 else _mixed(state, UNMIX)
    return state


def encrypted(key: bytes, text: bytes) -> bytes:
    """Return `text`, filled up to whole blocks by bytes that say how many they are, encrypted."""
    missing, keys = BLOCK - len(text) % BLOCK, _round_keys(key)
    return b"".join(_hidden(block, keys) for block in _blocks(text + bytes([missing]) * missing))


def decrypted(key: bytes, wire: bytes) -> bytes:
    """Return the text of whole blocks, without what filled it up."""
    keys = _round_keys(key)
    text = b"".join(_shown(block, keys) for block in _blocks(wire))
    return text[: -text[-1]]
