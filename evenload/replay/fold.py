"""The replay: recorded events in, the same decisions made again out. Pure; an object that keeps state between lines.

Join: each step of a decision names the events that were new to it by boot and seq; the fold keeps the newest inputs by
that key. Fold: memory and facts start from a `Basis` and go through every step, told or not. Where a step or an input
is not in the record, a gap is told at the decision that needs it, and nothing is said until the next basis: no memory
is ever made up. A basis on the way must be what the fold has reached, byte for byte.
"""

from collections import deque
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from evenload.contracts import subjects
from evenload.contracts.basis import Basis
from evenload.contracts.events import Decision, Held, InputRef, LoadState, MeterReading, SiteLimit, Step
from evenload.contracts.wire import Codec, ContractError, encode
from evenload.replay.findings import Counts, Difference, Finding, Gap, otherwise, paths_that_differ
from evenload.site.schema import Site
from services.allocator.engine import Outcome, decide, remembered_after
from services.allocator.facts import Facts, Heard
from services.allocator.journal import is_full, weight_of
from services.allocator.memory import Memory
from services.allocator.overrides import in_force
from services.allocator.plan import Plan, compile_plan

INPUTS_MOST = 20_000
"""Inputs kept for decisions that come after them: minutes even of a large site."""
_DECISION, _BASIS = Codec(Decision, "Decision"), Codec(Basis, "Basis")
_READING, _STATE = Codec(MeterReading, "MeterReading"), Codec(LoadState, "LoadState")


class Stamps(Struct, frozen=True):
    """What an input is found by."""

    boot: str = ""
    seq: int = 0


_STAMPS = msgspec.json.Decoder(Stamps)


class Missing(Exception):
    """Something that a step needs is not in the record."""


class Run:
    """One allocator's decisions about one site: what the next step stands on. `memory` None = not known."""

    def __init__(self, basis: Basis, other: Site | None) -> None:
        site = msgspec.json.decode(basis.configuration, type=Site)
        self.plan = replace(
            compile_plan(site, basis.overrides, basis.scheduled, basis.planned), grid_meter=basis.grid_meter
        )
        self.other: Plan | None = None
        if other is not None:
            plan = compile_plan(other, in_force(other, basis.overrides, basis.at), basis.scheduled, basis.planned)
            self.other = replace(plan, grid_meter=basis.grid_meter)
        self.memory: Memory | None = msgspec.json.decode(basis.memory, type=Memory)
        self.step, self.basis = basis.step, basis.seq
        self.readings: dict[str, Heard[MeterReading]] = {}
        self.loads: dict[str, Heard[LoadState]] = {}
        self.limits: dict[str, Heard[SiteLimit]] = {}
        for fact in basis.facts:
            self.hold(fact)

    def hold(self, fact: Held) -> None:
        """Take a fact that was told whole."""
        match fact.event:
            case MeterReading():
                self.readings[fact.name] = Heard(fact.event, fact.heard_s)
            case LoadState():
                self.loads[fact.name] = Heard(fact.event, fact.heard_s)
            case SiteLimit():
                self.limits[fact.name] = Heard(fact.event, fact.heard_s, fact.returning, fact.lapsed_s)

    def facts(self, cause: str) -> Facts:
        """Return the facts of the next decision."""
        return Facts(readings=self.readings, loads=self.loads, limits=self.limits, cause=cause)


class Moment(Struct, frozen=True):
    """Where in the record something is."""

    site: str
    boot: str
    step: int
    at: datetime


class Fold:
    """The replay of one record, or of a part of it. `others` = another configuration by site.

    A part (`is_first` False) says nothing of runs whose basis is before it: the part before goes on until there.
    """

    def __init__(self, others: dict[str, Site] | None = None, *, is_first: bool = True) -> None:
        self.counts = Counts()
        self.findings: list[Finding] = []
        self._others, self._is_first = others or {}, is_first
        self._runs: dict[tuple[str, str], Run] = {}
        self._inputs: dict[tuple[str, int], tuple[str, bytes]] = {}
        self._order: deque[tuple[str, int]] = deque()
        self._ending = False

    @property
    def is_done(self) -> bool:
        """Tell whether every run has reached its basis after the end of the part."""
        return self._ending and not self._runs

    def end_part(self) -> None:
        """The part ends here: go on only with the runs that are known, each to its next basis."""
        self._ending = True

    def index(self, subject: str, data: bytes) -> None:
        """Keep an input for the decisions that come."""
        try:
            stamps = _STAMPS.decode(data)
        except msgspec.DecodeError:
            return
        key = stamps.boot, stamps.seq
        self._inputs[key] = subject, data
        self._order.append(key)
        if len(self._order) > INPUTS_MOST:
            self._inputs.pop(self._order.popleft(), None)

    def take(self, subject: str, data: bytes) -> None:
        """Take the next line of the record."""
        try:
            if subject.endswith(".decision"):
                self._on_decision(_DECISION.decode(data, subject), data)
            elif subject.endswith(".basis"):
                self._on_basis(_BASIS.decode(data, subject))
            elif ".reading." in subject or subject.endswith(".state"):
                self.index(subject, data)
        except ContractError:
            self.counts.unreadable += 1  # what needed it will tell the gap

    def _on_basis(self, basis: Basis) -> None:
        key = basis.site, basis.boot
        run = self._runs.get(key)
        if run is not None and run.basis == basis.seq:
            return  # told twice
        self._runs.pop(key, None)
        moment = Moment(basis.site, basis.boot, basis.step, basis.at)
        if run is not None and run.memory is not None and basis.why != "taken":
            self._reach(run, basis, moment)
        if self._ending:
            self.counts.begins += run is not None and run.memory is None
            return
        try:
            self._runs[key] = Run(basis, self._others.get(basis.site))
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            self._gap(moment, f"its configuration or memory is of another version: {fault}")
            return
        lost = run.memory is None if run is not None else self._is_first
        self.counts.begins += lost or basis.why == "taken"

    def _reach(self, run: Run, basis: Basis, moment: Moment) -> None:
        """Go through the steps before a basis; what is reached must be what it says."""
        try:
            self._need_next(run, basis.step, basis.steps)
            for step in basis.steps:
                self._silent(run, step, moment)
        except Missing as fault:
            self._gap(moment, str(fault))
            return
        assert run.memory is not None
        reached = encode(run.memory)
        self.counts.memories += reached == bytes(basis.memory)
        if reached != bytes(basis.memory):
            self._differ(moment, "memory.", bytes(basis.memory), reached)

    def _on_decision(self, decision: Decision, data: bytes) -> None:
        run = self._runs.get((decision.site, decision.boot))
        moment = Moment(decision.site, decision.boot, decision.step, decision.decided_at)
        if run is None or run.memory is None:
            self.counts.unknown += run is not None or (self._is_first and not self._ending)
            return
        if 0 < decision.step <= run.step:
            return  # told twice
        try:
            if decision.basis != run.basis:
                raise Missing(f"its basis (seq {decision.basis}) is not in the record")
            self._need_next(run, decision.step, decision.steps)
            for step in decision.steps[:-1]:
                self._silent(run, step, moment)
            self._told(run, decision, data, moment)
        except Missing as fault:
            self._gap(moment, str(fault))
            run.memory = None

    def _need_next(self, run: Run, last: int, steps: tuple[Step, ...]) -> None:
        first = last - len(steps) + 1
        if first != run.step + 1:
            raise Missing(f"decisions {run.step + 1} to {first - 1} are not in the record")

    def _silent(self, run: Run, step: Step, moment: Moment) -> None:
        """Make a decision again that was not told, because nothing changed."""
        self._learn(run, step)
        assert run.memory is not None
        run.memory, changed = remembered_after(run.plan, run.memory, run.facts(""), step.now_s, now=moment.at)
        if changed:
            self._note(replace(moment, step=run.step), "told", "no: nothing changed", "yes: something changed")

    def _told(self, run: Run, decision: Decision, data: bytes, moment: Moment) -> None:
        before = run.memory
        if not decision.steps:
            raise Missing("it carries no steps: it was made by another version")
        outcome = self._decide(run, decision.steps[-1], (decision.cause, decision.decided_at))
        self.counts.decisions += 1
        full = is_full(len(decision.steps), sum(map(weight_of, decision.steps)))
        if not outcome.changed and not full:
            self._note(moment, "told", "yes", "no: nothing changed")
        made = encode(_published(outcome.decision, decision))
        if made == data:
            self.counts.equal += 1
        else:
            self._differ(moment, "", data, made)
        if run.other is not None and before is not None:
            self.counts.compared += 1
            facts = run.facts(decision.cause)
            _, instead = decide(run.other, before, facts, outcome.decision.now_s, now=decision.decided_at)
            self.findings += otherwise(decision, instead.decision)

    def _decide(self, run: Run, step: Step, told: tuple[str, datetime]) -> Outcome:
        """Make one decision again; cause and wall clock only word it, they never enter the memory."""
        self._learn(run, step)
        assert run.memory is not None
        cause, at = told
        run.memory, outcome = decide(run.plan, run.memory, run.facts(cause), step.now_s, now=at)
        return outcome

    def _learn(self, run: Run, step: Step) -> None:
        """Take what was new to a step."""
        for ref in step.news:
            self._join(run, ref)
        for fact in step.whole:
            run.hold(fact)
        run.step += 1
        self.counts.steps += 1

    def _join(self, run: Run, ref: InputRef) -> None:
        """Take the event that a step names."""
        site = run.plan.site.site
        found = self._inputs.get((ref.boot, ref.seq))
        wanted = subjects.reading(site, ref.name) if ref.of == "meter" else subjects.load_state(site, ref.name)
        if found is None or found[0] != wanted:
            what = "reading of" if ref.of == "meter" else "state of"
            raise Missing(f"the {what} {ref.name} (boot {ref.boot}, seq {ref.seq}) is not in the record")
        try:
            if ref.of == "meter":
                run.readings[ref.name] = Heard(_READING.decode(found[1], wanted), ref.heard_s)
            else:
                run.loads[ref.name] = Heard(_STATE.decode(found[1], wanted), ref.heard_s)
        except ContractError as fault:
            raise Missing(str(fault)) from fault

    def _gap(self, moment: Moment, why: str) -> None:
        self.findings.append(Gap(site=moment.site, boot=moment.boot, step=moment.step, at=moment.at, why=why))

    def _differ(self, moment: Moment, before: str, recorded: bytes, replayed: bytes) -> None:
        for path, was, made in paths_that_differ(recorded, replayed):
            self._note(moment, before + path, was, made)

    def _note(self, moment: Moment, path: str, recorded: str, replayed: str) -> None:
        self.findings.append(
            Difference(
                site=moment.site,
                boot=moment.boot,
                step=moment.step,
                at=moment.at,
                path=path,
                recorded=recorded,
                replayed=replayed,
            )
        )


def _published(made: Decision, recorded: Decision) -> Decision:
    """Return the decision with what was put on at sending: stamps, epoch, number and steps."""
    return replace(
        made,
        boot=recorded.boot,
        seq=recorded.seq,
        sent_ms=recorded.sent_ms,
        config_rev=recorded.config_rev,
        epoch=recorded.epoch,
        step=recorded.step,
        basis=recorded.basis,
        steps=recorded.steps,
    )
