"""The journal: which facts were new to each decision, so that a replay can make every one of them again. Pure.

The memory is a fold over all decisions, but only those in which something changed are told. So the journal counts every
decision as a step and keeps, of each, its time and the facts that were new to it: by boot and seq where the history has
the event, whole where it has not. The next event that is told, a `Decision` or a `Basis`, carries the steps since the
one told before. A `Basis` says what the steps after it stand on: configuration, memory and the facts held.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from evenload.contracts.basis import Basis
from evenload.contracts.events import Decision, Held, InputKind, InputRef, LoadState, MeterReading, SiteLimit, Step
from evenload.contracts.records import Override
from evenload.contracts.wire import encode
from evenload.site.schema import Device, Site
from services.allocator.facts import Facts, Heard
from services.allocator.memory import Memory

STEPS_MOST, NEWS_MOST = 120, 2_000
"""With so many steps, or so many new facts in them, a decision is told although nothing changed: 200 kB at most."""
WHOLE_WEIGHT = 10
"""A fact that is carried whole is so many times as long as one that is named."""
BASIS_S = 600.0
Why = Literal["taken", "configuration", "period"]
Source = Heard[MeterReading] | Heard[LoadState] | Heard[SiteLimit]


class Journal(Struct, frozen=True, kw_only=True):
    """Steps of one run over one site."""

    step: int = 0
    """Number of the last decision made."""
    steps: tuple[Step, ...] = ()
    """Those made since something was told."""
    weight: int = 0
    """How many facts they carry."""
    seen: Facts = Facts()
    """What the last decision stood on."""


class InForce(Struct, frozen=True):
    """The configuration that a basis tells."""

    site: Site
    overrides: tuple[Override, ...]
    grid_meter: str
    scheduled: tuple[Override, ...] = ()
    """What schedules set."""
    planned: tuple[Override, ...] = ()
    """What slots of plans set, over all others."""


def noted(journal: Journal, facts: Facts, now_s: float) -> Journal:
    """Return the journal with one more decision, made from `facts`."""
    news: list[InputRef] = []
    whole: list[Held] = []
    for of, name, heard in _news(journal.seen, facts):
        if of == "limit" or not heard.event.boot:
            whole.append(held(name, heard))
        else:
            news.append(InputRef(of, name, heard.event.boot, heard.event.seq, heard.at_s))
    step = Step(now_s, tuple(news), tuple(whole))
    weight = journal.weight + weight_of(step)
    return Journal(step=journal.step + 1, steps=(*journal.steps, step), weight=weight, seen=facts)


def weight_of(step: Step) -> int:
    """Return how many named facts a step is as long as."""
    return len(step.news) + WHOLE_WEIGHT * len(step.whole)


def _news(seen: Facts, facts: Facts) -> Iterator[tuple[InputKind, str, Source]]:
    yield from (("meter", name, heard) for name, heard in _changed(seen.readings, facts.readings))
    yield from (("load", name, heard) for name, heard in _changed(seen.loads, facts.loads))
    yield from (("limit", name, heard) for name, heard in _changed(seen.limits, facts.limits))


def _changed(seen: Mapping[str, Source], now: Mapping[str, Source]) -> list[tuple[str, Source]]:
    return [(name, heard) for name, heard in now.items() if seen.get(name) is not heard]


def held(name: str, heard: Source) -> Held:
    """Return a fact whole, as it is told."""
    return Held(name=name, heard_s=heard.at_s, returning=heard.returning, lapsed_s=heard.lapsed_s, event=heard.event)


def is_full(steps: int, weight: int) -> bool:
    """Tell whether the last of so many steps, with so many facts, must be told even when nothing changed."""
    return steps >= STEPS_MOST or weight >= NEWS_MOST


def is_due(journal: Journal) -> bool:
    """Tell whether the last decision must be told even when nothing changed."""
    return is_full(len(journal.steps), journal.weight)


def numbered(decision: Decision, journal: Journal, basis: int) -> Decision:
    """Return the last decision as it is told: with its number, its basis and the steps since the one told before.

    Without a basis (0) nothing could be made again: steps are left out.
    """
    return replace(decision, step=journal.step, steps=journal.steps if basis else (), basis=basis)


def told(journal: Journal) -> Journal:
    """Return the journal after its steps went out."""
    return replace(journal, steps=(), weight=0)


def basis_of(journal: Journal, memory: Memory, in_force: InForce, *, now_s: float, at: datetime, why: Why) -> Basis:
    """Return what the steps after the journal's last one stand on."""
    facts: list[Held] = []
    for sources in (journal.seen.readings, journal.seen.loads, journal.seen.limits):
        facts += [held(name, heard) for name, heard in sources.items()]
    return Basis(
        site=in_force.site.site,
        at=at,
        now_s=now_s,
        step=journal.step,
        steps=journal.steps,
        why=why,
        configuration=Raw(msgspec.json.encode(_without_devices(in_force.site))),
        grid_meter=in_force.grid_meter,
        overrides=in_force.overrides,
        scheduled=in_force.scheduled,
        planned=in_force.planned,
        memory=Raw(encode(memory)),
        facts=tuple(facts),
    )


def _without_devices(site: Site) -> Site:
    """Return the site without what only device services read: addresses, keys, files."""
    return replace(
        site,
        mqtt=None,
        meters={name: replace(meter, options=None) for name, meter in site.meters.items()},
        limits={name: replace(limit, options=None) for name, limit in site.limits.items()},
        stations={name: replace(station, password_file=None) for name, station in site.stations.items()},
        loads={
            name: replace(load, options=None) if isinstance(load, Device) else load for name, load in site.loads.items()
        },
    )
