"""What is wrong gets the right answer and disturbs nobody."""

import asyncio
import json
from typing import Any

import pytest
from ocpp.v16 import call
from websockets.exceptions import InvalidStatus

from services.ocpp_gateway.drivers import sockets
from services.ocpp_gateway.handshake import MAX_FAILURES
from services.ocpp_gateway.pacing import Pace
from tests.integration.ocpp_gateway.world import (
    PASSWORD,
    ForeignStation,
    World,
    basic,
    foreign,
    give_password,
    raw,
    running,
)

BOOT = [2, "boot", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}]


async def ask(socket: Any, frame: str | list[Any]) -> list[Any]:
    """Return the answer to a frame; calls of the gateway in between are left out."""
    await socket.send(frame if isinstance(frame, str) else json.dumps(frame))
    while True:
        answer = json.loads(await asyncio.wait_for(socket.recv(), 5))
        if answer[0] != 2:
            return list(answer)


async def closed(socket: Any) -> None:
    """Return when the gateway has closed the socket."""
    await asyncio.wait_for(socket.wait_closed(), 5)


async def refused(world: World, station: str = "CP001", **more: Any) -> tuple[int, str]:
    """Return status and text with which a handshake is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with raw(world, station, **more):
            pass
    response = caught.value.response
    return response.status_code, (response.body or b"").decode()


BAD_FRAMES: list[tuple[str, str, str]] = [
    ("no json", "-1", "FormationViolation"),
    ('[2,"m1","Heartbeat",{}', "m1", "FormationViolation"),
    ('{"a":1}', "-1", "FormationViolation"),
    ("[]", "-1", "FormationViolation"),
    ('[2,"m2"]', "m2", "FormationViolation"),
    ('[9,"m3","Heartbeat",{}]', "-1", "FormationViolation"),
    ('[2,"m4","Heartbeat"]', "m4", "FormationViolation"),
    ('[2,5,"Heartbeat",{}]', "-1", "FormationViolation"),
    (f'[2,"{"x" * 37}","Heartbeat",{{}}]', "-1", "FormationViolation"),
    ('[2,"m5","Heartbeat",[]]', "m5", "TypeConstraintViolation"),
    ('[2,"m6","Heartbeat",' + '{"a":' * 40 + "1" + "}" * 40 + "]", "m6", "FormationViolation"),
    ('[2,"m7","MeterValues",{"connectorId":NaN}]', "m7", "FormationViolation"),
    ('[2,"m8","StatusNotification",{"connectorId":"x"}]', "m8", "TypeConstraintViolation"),
    ('[2,"m9","MeterValues",{"connectorId":1,"meterValue":[5]}]', "m9", "TypeConstraintViolation"),
    ('[2,"ma","OrderPizza",{}]', "ma", "NotImplemented"),
    ('[2,"mb","SendLocalList",{}]', "mb", "NotImplemented"),
    (f'[2,"mc","DataTransfer",{{"data":"{"x" * 20_000}"}}]', "mc", "FormationViolation"),
]
NOTICES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("DataTransfer", {"vendorId": "x"}, {"status": "UnknownVendorId"}),
    ("SecurityEventNotification", {"type": "x", "timestamp": "y"}, {}),
    ("FirmwareStatusNotification", {"status": "Idle"}, {}),
    ("DiagnosticsStatusNotification", {"status": "Idle"}, {}),
    ("LogStatusNotification", {"status": "Idle"}, {}),
    ("SignCertificate", {"csr": "x"}, {"status": "Rejected"}),
    ("Authorize", {"idTag": "x"}, {"idTagInfo": {"status": "Accepted"}}),
    ("StopTransaction", {"transactionId": -1, "meterStop": 1, "timestamp": "?"}, {}),
    ("StopTransaction", {}, {}),
    ("StatusNotification", {"connectorId": 9, "status": "Wrong"}, {}),
    ("MeterValues", {"connectorId": 1, "meterValue": {"sampledValue": []}}, {}),
    ("MeterValues", {}, {}),
]


async def test_a_bad_frame_is_answered_and_the_socket_lives(world: World) -> None:
    async with raw(world) as socket:
        for frame, message_id, code in BAD_FRAMES:
            assert (await ask(socket, frame))[:3] == [4, message_id, code], frame[:100]
        assert (await ask(socket, BOOT))[:2] == [3, "boot"]


async def test_every_notice_is_answered(world: World) -> None:
    async with raw(world) as socket:
        for action, payload, answer in NOTICES:
            assert await ask(socket, [2, "1", action, payload]) == [3, "1", answer], action


async def test_a_huge_frame_gets_an_answer_and_a_monstrous_one_the_closing_code(world: World) -> None:
    async with raw(world) as socket:
        await ask(socket, BOOT)
        answer = await ask(socket, [2, "big", "DataTransfer", {"data": "x" * 70_000}])
        assert answer[:3] == [4, "big", "FormationViolation"]
        await socket.send("[" + "x" * 300_000)
        await closed(socket)
        assert socket.close_code == 1009


async def test_a_misbehaving_station_disturbs_no_other(world: World) -> None:
    async with foreign(world, "CP002") as good, raw(world) as bad:
        await good.boot()
        for frame in ("}{", '[2,"1","Nothing",{}]', "[" * 10_000, '[3,"never asked",{}]', "\x00"):
            await bad.send(frame)
        assert (await good.call(call.Heartbeat())).current_time
        assert (await ask(bad, BOOT))[1] != "boot"


async def test_wrong_passwords_and_unknown_ids_look_alike(world: World) -> None:
    for headers in (
        {},
        basic("CP001", "wrong"),
        basic("CP002", PASSWORD),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + "A" * 5_000},
    ):
        known = await refused(world, headers=headers)
        unknown = await refused(world, "NOBODY", headers=headers)
        assert known == unknown
        assert known[0] == 401


async def test_unusable_paths_are_not_found(world: World) -> None:
    for path in ("", "a/b%2Fc", "x" * 60, "CP%00001", "a%20b", "%FF"):
        assert (await refused(world, path))[0] == 404, path


async def test_paths_of_the_field_are_understood(world: World) -> None:
    for path in ("cp001", "ocpp/CP001/", "/CP001?x=y", "%43P001"):
        async with raw(world, path, headers=basic("CP001", PASSWORD)) as socket:
            assert (await ask(socket, BOOT))[0] == 3
        await world.state("wallbox", reachable=False)


async def test_a_wrong_subprotocol_is_refused_with_what_is_served(world: World) -> None:
    status, text = await refused(world, subprotocols=["ocpp1.5"])
    assert status == 400
    assert "ocpp1.6" in text
    status, text = await refused(world, subprotocols=None)
    assert status == 400
    assert "Missing" in text


async def test_a_station_pinned_to_16_may_leave_the_subprotocol_out(world: World) -> None:
    async with raw(world, "OLD16", subprotocols=None) as socket:
        assert (await ask(socket, BOOT))[0] == 3


async def test_after_many_failures_the_right_password_still_gets_in(world: World) -> None:
    for _ in range(MAX_FAILURES):
        await refused(world, headers={})
    assert (await refused(world, headers={}))[0] == 401
    async with raw(world) as socket:
        assert (await ask(socket, BOOT))[0] == 3


async def test_only_an_open_gateway_lets_stations_without_a_password_in(world: World) -> None:
    assert (await refused(world, "FREE", headers={}))[0] == 401
    async with running(is_open=True) as open_world:
        async with raw(open_world, "FREE", headers={}) as socket:
            assert (await ask(socket, BOOT))[0] == 3
        assert (await refused(open_world, "CP001", headers={}))[0] == 401
        assert (await refused(open_world, "NOBODY", headers={}))[0] == 401


async def test_the_answering_first_connection_stays(world: World) -> None:
    async with foreign(world) as station:
        await station.boot()
        status, _ = await refused(world)
        assert status == 409
        alert = await world.wait_for(lambda subject, message: message.get("kind") == "station_duplicate")
        assert alert["about"] == "CP001"
        assert (await station.call(call.Heartbeat())).current_time


async def test_a_dead_first_connection_is_replaced_and_its_end_harms_nothing(world: World) -> None:
    reader, writer = await half_open(world)
    async with foreign(world) as station:
        await station.boot()
        writer.close()
        await world.state("wallbox", reachable=True)
        assert (await station.call(call.Heartbeat())).current_time
        assert world.gateway.sessions["cp001"].carrier is not None
    del reader


async def half_open(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a WebSocket as CP001 that never reads or answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    authorization = basic("CP001", PASSWORD)["Authorization"]
    writer.write(
        "GET /CP001 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: {authorization}\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_a_changed_password_ends_the_connection(world: World) -> None:
    async with raw(world) as socket:
        await ask(socket, BOOT)
        await give_password(world.bus, "CP001", "another-password")
        await closed(socket)
        assert socket.close_code == 1008


async def test_a_burst_is_slowed_and_all_of_it_answered() -> None:
    async with running() as world, raw(world) as socket:
        frames = [json.dumps([2, str(number), "Heartbeat", {}]) for number in range(70)]
        for frame in frames:
            await socket.send(frame)
        answered = 0
        while answered < len(frames):
            answered += json.loads(await asyncio.wait_for(socket.recv(), 5))[0] == 3


async def test_pings_and_parts_of_messages_count_against_the_pace() -> None:
    async with running(pace=Pace(rate_hz=0.001, burst=1_000)) as world, raw(world) as socket:
        left_before = world.gateway._connections["cp001"]._pace.left_number
        for _ in range(20):
            await asyncio.wait_for(await socket.ping(), 5)
        await socket.send(iter(["[2,", '"1",', "", "", '"Heartbeat",{}]']))
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))[0] == 3
        assert world.gateway._connections["cp001"]._pace.left_number <= left_before - 24


async def test_of_too_many_sockets_that_say_nothing_the_oldest_is_cut_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "SHAKING_AT_ONCE", 3)
    silent = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(4)]
    assert await asyncio.wait_for(silent[0][0].read(), 5) == b""
    async with raw(world) as socket:
        assert (await ask(socket, BOOT))[0] == 3
    for _, writer in silent:
        writer.close()


async def test_a_guesser_at_chosen_passwords_holds_up_one_check_at_a_time(world: World) -> None:
    await give_password(world.bus, "CP002", "correct horse battery")
    for _ in range(MAX_FAILURES + 1):
        await refused(world, "CP002", headers=basic("CP002", "wrong"))
    guesses = await asyncio.gather(*(refused(world, "CP002", headers=basic("CP002", f"no{n}")) for n in range(6)))
    assert {status for status, _ in guesses} == {401, 429}


async def test_late_answers_reach_no_other_call(world: World) -> None:
    async with foreign(world) as station:
        await station.boot()
        await station._connection.send('[3,"older",{"status":"Rejected"}]')
        assert (await station.profile("TxDefaultProfile"))["connector_id"] == 1
    assert isinstance(station, ForeignStation)
