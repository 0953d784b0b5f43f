"""The least that a chain of three processes can be: a reading on NATS → a toy decision → a profile on a WebSocket.

This process is one of two, the third is who publishes: `decide` hears `toy.reading.N` and publishes `toy.setpoint.N`;
`write` hears that and sends SetChargingProfile to station N. No limits, leases, memory, reasons, checks or answers.
Run: python -m bench.toy_chain decide|write --nats URL [--port PORT]
"""

import argparse
import asyncio
import sys
from typing import Any

import msgspec
import nats
import uvloop
from nats.aio.msg import Msg
from websockets.asyncio.server import ServerConnection, serve

LIMIT_A = 24.5
STAMP = "2026-01-01T00:00:00Z"
ANSWERS: dict[str, dict[str, Any]] = {
    "BootNotification": {"status": "Accepted", "currentTime": STAMP, "interval": 300},
    "StartTransaction": {"transactionId": 1, "idTagInfo": {"status": "Accepted"}},
}


class Reading(msgspec.Struct):
    """What a toy needs to know."""

    grid_a: float
    drawn_a: float


async def decide(url: str) -> None:
    """Turn each reading into a setpoint."""
    client, decoder = await nats.connect(url), msgspec.json.Decoder(Reading)

    async def on_reading(message: Msg) -> None:
        reading = decoder.decode(message.data)
        setpoint_a = max(0.0, reading.drawn_a + LIMIT_A - reading.grid_a)
        await client.publish(message.subject.replace("reading", "setpoint"), b"%.1f" % setpoint_a)

    await client.subscribe("toy.reading.*", cb=on_reading)
    await client.flush()
    print("ready", flush=True)
    await asyncio.Event().wait()


async def write(url: str, port: int) -> None:
    """Send each setpoint to its station."""
    sockets: dict[str, ServerConnection] = {}

    async def on_setpoint(message: Msg) -> None:
        socket = sockets.get(message.subject.rpartition(".")[2])
        if socket is not None:
            await socket.send(frame(float(message.data)))

    async def on_station(socket: ServerConnection) -> None:
        assert socket.request is not None
        sockets[socket.request.path.rpartition("/")[2]] = socket
        async for text in socket:
            message = msgspec.json.decode(text)
            if message[0] == 2:
                await socket.send(msgspec.json.encode([3, message[1], ANSWERS.get(message[2], {})]).decode())

    client = await nats.connect(url)
    await client.subscribe("toy.setpoint.*", cb=on_setpoint)
    async with serve(on_station, "127.0.0.1", port, subprotocols=["ocpp1.6"], compression=None):  # type: ignore[list-item]  # a plain str is one
        print("ready", flush=True)
        await asyncio.Event().wait()


def frame(limit_a: float) -> str:
    """Return a SetChargingProfile with two periods, as ours has."""
    periods = [{"startPeriod": 0, "limit": limit_a}, {"startPeriod": 180, "limit": 6.0}]
    schedule = {"chargingRateUnit": "A", "startSchedule": STAMP, "chargingSchedulePeriod": periods}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    }
    payload = {"connectorId": 1, "csChargingProfiles": profile}
    return msgspec.json.encode([2, "toy", "SetChargingProfile", payload]).decode()


def main() -> int:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("decide", "write"))
    parser.add_argument("--nats", required=True)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    uvloop.run(decide(asked.nats) if asked.what == "decide" else write(asked.nats, asked.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
