"""Keeps what a simulated site publishes, as the history stream of a running one does, for `evenload replay`.

The journal is the allocator's own; stamps are made here, since in virtual time no bus puts them on.
"""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts import subjects
from evenload.contracts.events import Event, LoadState, MeterReading
from evenload.contracts.wire import encode
from evenload.simulation.virtual_time import MONOTONIC_START_S, utc
from services.allocator import journal
from services.allocator.engine import Outcome
from services.allocator.facts import Facts
from services.allocator.journal import InForce, Journal
from services.allocator.memory import Memory

Sink = Callable[[str, bytes], None]
"""Takes a subject and the event's JSON."""


class Asked(Struct, frozen=True, kw_only=True):
    """What one decision was asked with: `now_s` is virtual time."""

    in_force: InForce
    facts: Facts
    now_s: float


class Recorder:
    """The publishers of one simulated site; `name` keeps the boots of several scenarios in one record apart."""

    def __init__(self, sink: Sink, name: str) -> None:
        self._sink, self._name = sink, name
        self._seqs: dict[str, int] = {}
        self._runs, self._config_rev, self._basis, self._basis_s = 0, 0, 0, 0.0
        self._journal = Journal()
        self._due: journal.Why | None = None
        self.restarted()
        self.configured()

    def restarted(self) -> None:
        """The allocator starts: a new run of decisions begins."""
        self._runs, self._due = self._runs + 1, "taken"

    def configured(self) -> None:
        """Another site file is in force."""
        self._config_rev, self._due = self._config_rev + 1, self._due or "configuration"

    def reading(self, event: MeterReading, now_s: float) -> MeterReading:
        """Keep a reading; return it as published."""
        sent = replace(event, **self._stamps("meters", now_s))
        self._sink(subjects.reading(event.site, event.meter), encode(sent))
        return sent

    def state(self, event: LoadState, now_s: float) -> LoadState:
        """Keep a load's state; return it as published."""
        sent = replace(event, **self._stamps("loads", now_s))
        self._sink(subjects.load_state(event.site, event.load), encode(sent))
        return sent

    def before(self, asked: Asked, memory: Memory) -> None:
        """Tell what decisions stand on when that is due; call it before each."""
        if self._due is not None:
            self._tell_basis(self._due, asked, memory)

    def after(self, asked: Asked, memory: Memory, outcome: Outcome) -> None:
        """Note a decision and tell it when it is worth telling; `memory` is the next one."""
        noted = journal.noted(self._journal, asked.facts, outcome.decision.now_s)
        if outcome.changed or journal.is_due(noted):
            decision = journal.numbered(outcome.decision, noted, self._basis)
            self._send(subjects.decision(decision.site), decision, asked.now_s)
            noted = journal.told(noted)
        self._journal = noted
        if asked.now_s - self._basis_s >= journal.BASIS_S:
            self._tell_basis("period", asked, memory)

    def _tell_basis(self, why: journal.Why, asked: Asked, memory: Memory) -> None:
        found = Journal(seen=asked.facts) if why == "taken" else self._journal
        in_force, now_s = asked.in_force, asked.now_s
        monotonic_s = MONOTONIC_START_S + now_s
        basis = journal.basis_of(found, memory, in_force, now_s=monotonic_s, at=utc(now_s), why=why)
        self._basis = self._send(subjects.basis(basis.site), basis, now_s).seq
        self._journal, self._basis_s, self._due = journal.told(found), now_s, None

    def _send(self, subject: str, event: Event, now_s: float) -> Event:
        sent = replace(event, **self._stamps(f"allocator{self._runs}", now_s))
        self._sink(subject, encode(sent))
        return sent

    def _stamps(self, publisher: str, now_s: float) -> dict[str, str | int]:
        boot = f"{self._name}-{publisher}"
        seq = self._seqs[boot] = self._seqs.get(boot, 0) + 1
        sent_ms = round((MONOTONIC_START_S + now_s) * 1000)
        return {"boot": boot, "seq": seq, "sent_ms": sent_ms, "config_rev": self._config_rev}
