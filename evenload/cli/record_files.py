"""Files of records: writing them line by line, and replaying them in parts on several cores.

A basis holds all that a replay begins with, so a long record is cut at bases and each part is replayed by a process of
its own; a part goes on past its end until each run has reached its next basis, so that nothing between is left out.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from evenload.cli.failures import Failure
from evenload.contracts import subjects
from evenload.replay.findings import Counts, Finding
from evenload.replay.fold import Fold
from evenload.replay.lines import NotARecord, Source, event_line, header_line, read_header, read_line
from evenload.site.schema import Site

PART_BYTES = 8_000_000
"""Smaller parts are not worth a process."""
PARTS_MOST = 8
BEFORE_BYTES = 1_000_000
"""Inputs that arrived shortly before a basis and are new only to a decision after it."""
_BASIS = subjects.basis("").rpartition(".")[2]


class Writer:
    """Writes a record; `skipped` counts events that are not JSON."""

    def __init__(self, file: BinaryIO, made_at: datetime, source: Source) -> None:
        self._file = file
        self.events, self.skipped = 0, 0
        file.write(header_line(made_at, f"evenload {version('evenload')}", source))

    def write(self, subject: str, data: bytes) -> None:
        """Write one event."""
        line = event_line(subject, data)
        if line is None:
            self.skipped += 1
            return
        self._file.write(line)
        self.events += 1

    def flush(self) -> None:
        """Let readers of the file see what was written."""
        self._file.flush()


class Part(Struct, frozen=True, kw_only=True):
    """A part of a record, in bytes from the start; `others` = another configuration by site."""

    path: Path
    begin: int
    end: int
    others: dict[str, Site]


class Found(Struct, kw_only=True):
    """What a replay found."""

    counts: Counts
    findings: list[Finding]


def create(path: Path) -> BinaryIO:
    """Open a new record for writing; ends the command with a sentence when that cannot be."""
    try:
        return path.open("xb")
    except FileExistsError as fault:
        raise Failure(f"{path} exists already", "choose another name; a record is never overwritten") from fault
    except OSError as fault:
        raise Failure(f"{path} cannot be written: {fault.strerror}", "choose another folder") from fault


def replay_file(path: Path, others: dict[str, Site], part_bytes: int = PART_BYTES) -> Found:
    """Replay a record, in parts of at least `part_bytes` at once.

    Ends the command with a sentence when the file cannot be read or is no record.
    """
    try:
        with path.open("rb") as file:
            read_header(file.readline())
            cuts = _cuts(file, path.stat().st_size, part_bytes)
    except NotARecord as fault:
        remedy = "records are made by `evenload record FILE` and `evenload simulate --record FILE`"
        raise Failure(f"{path} is not a record: {fault}", remedy) from fault
    except OSError as fault:
        raise Failure(f"{path} cannot be read: {fault.strerror}", "name a record, as of `evenload record`") from fault
    ends = [*cuts[1:], path.stat().st_size]
    parts = [Part(path=path, begin=begin, end=end, others=others) for begin, end in zip(cuts, ends, strict=True)]
    if len(parts) == 1:
        return _replay(parts[0])
    found = Found(counts=Counts(), findings=[])
    with ProcessPoolExecutor(len(parts)) as pool:
        for each in pool.map(_replay, parts):
            found.counts.add(each.counts)
            found.findings += each.findings
    return found


def _cuts(file: BinaryIO, size: int, part_bytes: int) -> list[int]:
    """Return where the parts begin: 0, and bases as evenly as may be."""
    count = max(1, min(os.cpu_count() or 1, PARTS_MOST, size // part_bytes))
    if count == 1:
        return [0]
    bases, place = [], file.tell()
    for line in file:
        if _is_basis(line):
            bases.append(place)
        place += len(line)
    cuts = {min(bases, key=lambda each: abs(each - size * part // count)) for part in range(1, count)} if bases else ()
    return [0, *sorted(cuts)]


def _is_basis(line: bytes) -> bool:
    """Tell by the subject, which is the first value of each line."""
    return line[:200].partition(b",")[0].endswith(f'.{_BASIS}"'.encode())


def _replay(part: Part) -> Found:
    fold = Fold(part.others, is_first=part.begin == 0)
    for place, line in _lines(part):
        if place >= part.end:
            fold.end_part()
            if fold.is_done:
                break
        try:
            found = read_line(line, 0)
        except NotARecord:
            fold.counts.unreadable += 1  # what needed it will tell the gap
            continue
        if place < part.begin:
            fold.index(found.subject, bytes(found.event))
        else:
            fold.take(found.subject, bytes(found.event))
    return Found(counts=fold.counts, findings=fold.findings)


def _lines(part: Part) -> Iterator[tuple[int, bytes]]:
    """Yield the lines from somewhat before the part on, each with its place."""
    with part.path.open("rb") as file:
        file.seek(max(0, part.begin - BEFORE_BYTES))
        place = file.tell() + len(file.readline())  # the header, or the rest of a line
        for line in file:
            yield place, line
            place += len(line)
