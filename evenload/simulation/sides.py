"""The real device services' cores around simulated devices, joined without sockets, in virtual time.

`plug_side.py` has plug_control's core with a device, `station_side.py` has the gateway's with a station. Messages
take no time; what both do between them is what they do in production: leases, looks, verification.
"""

from typing import Protocol

from evenload.contracts.events import LoadState, LoadStatus, Setpoint


class Side(Protocol):
    """A load's service and its device."""

    def give(self, setpoint: Setpoint, now_s: float) -> None:
        """Let a setpoint arrive at the service."""

    def set_given(self, given: LoadStatus, now_s: float) -> None:
        """Let vehicle or device do something else."""

    def link(self, up: bool, now_s: float) -> None:
        """Cut or restore the way between service and device."""

    def advance(self, now_s: float, drawn_a: float) -> None:
        """Let time pass; the device draws `drawn_a` per line."""

    def next_s(self) -> float:
        """Return when it has something to do by itself."""

    def offers_a(self, now_s: float) -> float:
        """Return what the device lets pass, A per line."""

    def take_news(self) -> bool:
        """Tell whether the service published since last asked."""

    def state(self, now_s: float) -> LoadState:
        """Return the state that the service publishes."""
