"""A million inputs through the frame reader and the cores, as the connection hands them on (faults.md figure 12).

Judged: nothing but a refusal leaves; a refusal has a code of the standard and the call's own id or "-1"; an answer is
JSON that the official schema accepts (every hundredth is checked); what would be stored or published keeps its
contract; memory does not grow.
"""

import gc
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from evenload.contracts.events import Alert, LoadState, Setpoint, TransactionEvent
from evenload.contracts.wire import Codec, encode
from services.ocpp_gateway import learning, leases
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.capability import Learned
from services.ocpp_gateway.frames import (
    Call,
    CallError,
    CallResult,
    PeerProtocolError,
    Unasked,
    parse,
    write_call,
    write_error,
    write_result,
)
from services.ocpp_gateway.states import load_state
from services.ocpp_gateway.station import Flight, Keep, Link, Station, Tell, Warn, new_station, with_outlet
from tests.fuzz.inputs import Inputs
from tests.unit.ocpp_gateway.builders import UTC0, at, station
from tests.unit.ocpp_gateway.schemas import valid_answer

CODES: Final = frozenset({
    "NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "FormationViolation",
    "FormatViolation", "PropertyConstraintViolation", "OccurenceConstraintViolation", "OccurrenceConstraintViolation",
    "TypeConstraintViolation", "GenericError", "MessageTypeNotSupported", "RpcFrameworkError",
})  # fmt: skip
CHECK_EACH: Final = 100
GROWTH_KIB: Final = 8_192
_states = Codec(LoadState, "LoadState")
_events = Codec(TransactionEvent | Alert, "event")


@dataclass
class Judged:
    """What came out."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    grown_kib: int = 0
    took_s: float = 0.0

    @property
    def good(self) -> bool:
        """Is there no fault, and does memory stay."""
        return not self.faults and self.grown_kib < GROWTH_KIB

    def __str__(self) -> str:
        outcomes = ", ".join(f"{name} {number}" for name, number in self.outcomes.most_common())
        return (
            f"{self.inputs} inputs in {self.took_s:.0f} s: {len(self.faults)} faults, memory grew by "
            f"{self.grown_kib} KiB after the first tenth\n{outcomes}\n" + "\n".join(self.faults[:20])
        )


class Target:
    """One station in the core, fed as `connection.py` feeds it."""

    def __init__(self, version: str, chance: random.Random) -> None:
        self.inputs, self._chance = Inputs(version, chance), chance
        self.version, self.dialect = version, self.inputs.dialect
        self._plan = station(connectors=2).plan
        self.station = self._fresh()
        self.pending: tuple[str, Flight] | None = None
        self._now_s, self._ids, self._calls = 0.0, 0, 0

    def _fresh(self) -> Station:
        both = ((1, 1), (2, 2))
        link = Link(token="t", connected_s=0.0, state="serving", version=self.version)
        learned = Learned(dynamic=True)
        return replace(new_station(self._plan), link=link, learned=learned, monitors=both, streams=both)

    def feed(self, outcomes: Counter[str]) -> bytes:
        """Take one input; raise `AssertionError` for what is not right. Return the input."""
        self._now_s += self._chance.choice((0.01, 0.5, 3.0))
        self.inputs.transaction = self._chance.choice(self.station.outlets).transaction
        pending = None if self.pending is None else (self.pending[0], self.pending[1].action)
        data = self.inputs.next(pending)
        self.last = data
        try:
            frame = parse(data)
            if isinstance(frame, Call):
                self._on_call(frame)
                outcomes["answered"] += 1
            elif isinstance(frame, CallResult | CallError):
                outcomes["took an answer" if self._on_answer(frame) else "foreign answer"] += 1
            else:
                outcomes["notice" if self._on_notice(frame) else "unknown notice"] += 1
        except PeerProtocolError as fault:
            outcomes[fault.code] += 1
            _check_refusal(fault, data)
        self._live()
        return data

    def _on_call(self, call: Call) -> None:
        self._ids += 1
        moment = at(self._now_s, self._ids)
        self.dialect.stored_first(call.action, call.payload)
        try:
            if call.action == self.dialect.takes_id:
                self.station, _ = self.dialect.note(self.station, call.payload, moment)
            handled = self.dialect.on_call(self.station, call.action, call.payload, moment)
        except PeerProtocolError as fault:
            raise PeerProtocolError(fault.code, fault.what, call.message_id) from fault
        self.station = handled.station
        answer = write_result(call.message_id, handled.payload)
        self._perform(handled.outputs)
        if self._ids % CHECK_EACH == 0:
            valid_answer(self.version, call.action, json.loads(answer)[2])

    def _on_notice(self, frame: Unasked) -> bool:
        handled = self.dialect.on_notice(self.station, frame.action, frame.payload, at(self._now_s, self._ids))
        if handled is None:
            return False
        self.station = handled.station
        self._perform(handled.outputs)
        return True

    def _on_answer(self, frame: CallResult | CallError) -> bool:
        if self.pending is None or self.pending[0] != frame.message_id:
            return False
        _, flight = self.pending
        self.pending = None
        result = isinstance(frame, CallResult)
        answer = Answer("result", frame.payload) if isinstance(frame, CallResult) else Answer("error", why="x")
        assert result or answer.kind == "error"
        self.station, outputs = self.dialect.on_answer(self.station, flight, answer, self._now_s)
        self._perform(outputs)
        return True

    def _live(self) -> None:
        """Do what the shell does between messages: setpoints, calls of ours, time-outs, states; rarely a reconnect."""
        chance = self._chance.random()
        if chance < 0.05:
            outlet = self._chance.choice(self.station.outlets)
            amps = self._chance.choice((0.0, 6.0, 10.0, 16.0))
            setpoint = Setpoint(site="home", load=outlet.plan.load, setpoint_a=amps, issued_at=UTC0, seq=self._ids)
            taken = leases.take(outlet, setpoint, self._now_s)
            self.station = self.station if taken is None else with_outlet(self.station, taken)
        elif chance < 0.06:
            self.pending = None
            self.station = replace(self.station, link=Link(token="t", connected_s=self._now_s))
        elif chance < 0.12:
            for outlet in self.station.outlets:
                _states.decode(encode(load_state(self.station, outlet, self._now_s, at(self._now_s).utc)))
            facts = learning.facts_of(self.station)
            assert learning.facts_of(learning.restored(new_station(self._plan), facts)).keys() <= facts.keys()
        if self.pending is not None and self._now_s - self.pending[1].sent_s > 10.0:
            flight, self.pending = self.pending[1], None
            answer = Answer("timeout", why="no answer")
            self.station, outputs = self.dialect.on_answer(self.station, flight, answer, self._now_s)
            self._perform(outputs)
        if self.pending is None:
            self.station, called = self.dialect.next_call(self.station, at(self._now_s))
            if called is not None:
                self._calls += 1
                self.pending = (f"c{self._calls}", called)
                write_call(self.pending[0], called.action, called.payload)
        assert self.dialect.wake_in_s(self.station, self._now_s) > 0

    def _perform(self, outputs: Any) -> None:
        for output in outputs:
            if isinstance(output, Keep | Tell):
                encoded = encode(output.event)
                if isinstance(output, Keep):
                    assert len(output.message_id) < 200
                    assert len(encoded) < 4_000
                    _events.decode(encoded)
            elif isinstance(output, Warn):
                assert len(output.text) < 2_000


def _check_refusal(fault: PeerProtocolError, data: bytes) -> None:
    assert fault.code in CODES, f"code {fault.code}"
    error = json.loads(write_error(fault.message_id, fault.code, fault.what))
    assert error[1] == "-1" or json.dumps(error[1])[1:-1].encode() in data or error[1].encode() in data or (
        b"\\" in data
    ), f"id {error[1]!r} is not of the input"  # fmt: skip
    assert len(error[3]) <= 255


def resident_kib() -> int:
    """Return the memory of this process, KiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 1024


def fuzz(number: int, seed: int = 1, tell: Callable[[str], None] = lambda line: None) -> Judged:
    """Feed so many inputs to a station of each version in turn; stop at a hundred faults."""
    chance, found = random.Random(seed), Judged()
    targets = [Target(version, chance) for version in ("1.6", "2.0.1", "2.1")]
    began_s, settled_kib = time.monotonic(), 0
    for place in range(number):
        target = targets[place % 3]
        try:
            target.feed(found.outcomes)
        except Exception as fault:  # noqa: BLE001  # whatever leaves a core is what we are looking for
            found.faults.append(f"{target.version} {type(fault).__name__}: {fault}: {target.last[:600]!r}")
            if len(found.faults) >= 100:
                break
        if place == number // 10:
            settled_kib = resident_kib()
        if place and place % 100_000 == 0:
            tell(f"{place} inputs, {len(found.faults)} faults")
    found.inputs, found.took_s = place + 1, time.monotonic() - began_s
    found.grown_kib = resident_kib() - settled_kib
    return found
