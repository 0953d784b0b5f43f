"""The publisher's stamps on events: boot id, rising sequence, monotonic time of sending."""

import msgspec

from evenload.contracts.events import Event
from evenload.runtime.clock import Clock


class Stamper:
    """Stamps the events of one process run; `seq` rises by one with each, over all subjects."""

    def __init__(self, boot: str, clock: Clock) -> None:
        self._boot, self._clock, self._seq = boot, clock, 0

    def stamp(self, event: Event) -> Event:
        """Return `event` with boot, the next seq, and sent_ms of now."""
        self._seq += 1
        sent_ms = int(self._clock.monotonic() * 1000)
        return msgspec.structs.replace(event, boot=self._boot, seq=self._seq, sent_ms=sent_ms)
