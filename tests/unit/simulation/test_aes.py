"""AES against the example of FIPS 197."""

from evenload.simulation.devices.aes import decrypted, encrypted

KEY, TEXT = bytes(range(16)), bytes.fromhex("00112233445566778899aabbccddeeff")


def test_the_example_of_the_standard() -> None:
    assert encrypted(KEY, TEXT)[:16].hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"


def test_what_was_encrypted_is_decrypted() -> None:
    for length in range(40):
        assert decrypted(KEY, encrypted(KEY, b"x" * length)) == b"x" * length
