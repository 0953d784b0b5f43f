"""The stream of inputs: calls of all actions, answers to ours, notices; valid, mutated and broken. Seeded."""

import random
from collections.abc import Callable
from typing import Any, Final

from services.ocpp_gateway.dialect import DIALECTS, Dialect
from tests.fuzz.mutations import broken, encoded, frame_of, mutated
from tests.fuzz.schemas import maker, names, request_name

OFTEN: Final = {
    "1.6": ("MeterValues", "StatusNotification", "StartTransaction", "StopTransaction", "BootNotification"),
    "2.0.1": ("TransactionEvent", "TransactionEvent", "MeterValues", "StatusNotification", "BootNotification"),
    "2.1": ("TransactionEvent", "TransactionEvent", "MeterValues", "StatusNotification", "NotifyPeriodicEventStream"),
}
NOTICE: Final = "NotifyPeriodicEventStream"
BY_VERSION: Final = {dialect.version: dialect for dialect in DIALECTS.values()}


class Inputs:
    """Inputs of one station of one version."""

    def __init__(self, version: str, chance: random.Random) -> None:
        self.version, self._chance = version, chance
        self.dialect: Dialect = BY_VERSION[version]
        known = tuple(sorted(self.dialect.actions))
        every = tuple(name.removesuffix("Request") for name in names(version) if not name.endswith("Response"))
        self._served, self._every = (*known, *OFTEN[version] * 4), every
        self._number = 0
        self.transaction: int | str | None = None
        """One that runs, so that messages are about it."""

    def next(self, pending: tuple[str, str] | None) -> bytes:
        """Return the next frame; `pending` is id and action of a call of ours that waits for its answer."""
        chance = self._chance
        self._number += 1
        if pending is not None and chance.random() < 0.5:
            frame = self._answer(*pending)
        elif chance.random() < 0.02:
            frame = frame_of(chance.choice((3, 4, 5, 6)), str(self._number), [{}, "", {}], chance)
        else:
            frame = self._call()
        data = encoded(frame, chance)
        return broken(data, chance) if chance.random() < 0.15 else data

    def _call(self) -> list[Any]:
        action = self._chance.choice(self._served if self._chance.random() < 0.9 else self._every)
        notice = action == NOTICE
        payload = self._payload(NOTICE if notice else request_name(self.version, action))
        if notice:
            return frame_of(6, str(self._number), [NOTICE, payload], self._chance)
        if isinstance(payload, dict) and "transactionId" in payload and self.transaction is not None:
            payload = payload | {"transactionId": self.transaction}
        return frame_of(2, str(self._number), [action, payload], self._chance)

    def _answer(self, message_id: str, action: str) -> list[Any]:
        kind = self._chance.random()
        if kind < 0.15:
            return frame_of(4, message_id, [self._chance.choice(("NotImplemented", "x", "")), "why", {}], self._chance)
        return frame_of(3, message_id, [self._payload(f"{action}Response")], self._chance)

    def _payload(self, name: str) -> Any:
        payload = _made(self.version, name)(self._chance)
        return mutated(payload, self._chance) if self._chance.random() < 0.6 else payload


def _made(version: str, name: str) -> Callable[[random.Random], Any]:
    """Return the maker of a schema; a call that has none (2.1's notices without an answer) gets an empty object."""
    return maker(version, name) if name in names(version) else lambda chance: {}
