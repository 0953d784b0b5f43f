"""The simulated site with the real device services' cores between the allocator and the devices.

A station gets the gateway's core, with all its connectors behind one link (`station_side.py`), and behaves as the odd
one of the library that a load's `fault` names; a plug gets plug_control's (`sides.py`).
"""

from dataclasses import replace
from datetime import datetime

import msgspec

from evenload.contracts.events import LoadState, MeterReading, Setpoint
from evenload.contracts.records import OverrideRecord
from evenload.simulation.outlet import Outlet
from evenload.simulation.plug_side import PlugSide
from evenload.simulation.scenario import Given, LoadFacts
from evenload.simulation.sides import Side
from evenload.simulation.station_core import Station as Connector
from evenload.simulation.station_faults import FAULTS
from evenload.simulation.station_several import Charger, Several
from evenload.simulation.station_side import GatewaySide, StationSide
from evenload.simulation.virtual_time import Wall, utc
from evenload.simulation.world import World
from evenload.site.failsafe import failsafe_currents
from evenload.site.schema import Device, Evse, Load, Site
from services.ocpp_gateway.config import OutletPlan, StationPlan, station_plans
from services.plug_control.config import plug_plans
from services.plug_control.wishes import wish_of


class ServicedWorld(World):
    """`World` with services; `outlets` then only mirror what devices let pass."""

    def __init__(self, site: Site, given: Given, wall: Wall = utc) -> None:
        self._sides: dict[str, Side] = {}
        self._stations: dict[str, StationSide] = {}
        super().__init__(site, given, wall)

    def set_facts(self, site: Site, given: Given) -> None:
        """Put facts in force; services are made when a load is first seen."""
        super().set_facts(site, given)
        fitted = _with_devices(site)
        stations, plugs = station_plans(fitted, failsafe_currents(fitted), 1), plug_plans(fitted)
        for name, load in sorted(fitted.loads.items()):
            status = given.loads.get(name, LoadFacts(status="available")).status
            side = self._sides.get(name)
            if isinstance(side, PlugSide):
                side.replan(plugs[name], self.now_s)
            if side is not None:
                if isinstance(side, GatewaySide):
                    side.use_lines(len(self.appetites[name].lines))
                side.set_given(status, self.now_s)
            elif isinstance(load, Device):
                self._sides[name] = PlugSide(plugs[name], status, self.now_s, wall=self.wall)
            elif load.station is not None:
                station = self._station(stations[load.station.lower()], fitted, given)
                self._sides[name] = GatewaySide(station, load.evse, status, self.now_s)
            self._mirror(name)

    def feel(self, reading: MeterReading) -> None:
        """Let a temperature arrive at plug_control."""
        for name, side in self._sides.items():
            if isinstance(side, PlugSide):
                side.feel(reading, self.now_s)
                self._mirror(name)

    def tell(self, record: OverrideRecord, now: datetime) -> None:
        """Let what is set by hand or scheduled at `now`, UTC, arrive at plug_control."""
        for name, side in self._sides.items():
            if isinstance(side, PlugSide):
                side.tell(wish_of(name, self.site, record, now), self.now_s)
                self._mirror(name)

    def alerts(self, name: str) -> frozenset[str]:
        """Return the kinds of alert that stand about a device."""
        side = self._sides.get(name)
        return side.alerts if isinstance(side, PlugSide) else frozenset()

    def _station(self, plan: StationPlan, site: Site, given: Given) -> StationSide:
        """Return the station of a plan, made when the first of its loads is seen, anew for one more."""
        key, held = plan.station.lower(), self._stations.get(plan.station.lower())
        if held is None or any(outlet.connector not in held.by_number for outlet in plan.outlets):
            connectors = [self._connector(plan, outlet, site, given) for outlet in plan.outlets]
            charger: Charger = connectors[0] if len(connectors) == 1 else Several(connectors)
            self._stations[key] = StationSide(plan, charger, self.now_s)
        return self._stations[key]

    def _connector(self, plan: StationPlan, outlet: OutletPlan, site: Site, given: Given) -> Connector:
        fault = given.loads.get(outlet.load, LoadFacts()).fault
        kind = Connector if fault is None else FAULTS[fault]
        return kind(
            identity=plan.station,
            max_a=outlet.max_a,
            connector=outlet.connector,
            lines=len(self.appetites[outlet.load].lines),
            voltage_v=site.voltage_v,
        )

    def deliver(self, setpoint: Setpoint) -> None:
        """Let a setpoint arrive at the load's service now."""
        side = self._sides.get(setpoint.load)
        if side is None:
            super().deliver(setpoint)
            return
        side.give(setpoint, self.now_s)
        mirrored = replace(self.outlets[setpoint.load], setpoint_a=setpoint.setpoint_a, seq=setpoint.seq)
        self.outlets[setpoint.load] = mirrored
        self._mirror(setpoint.load)

    def link(self, load: str, up: bool) -> None:
        """Cut or restore the link between a load's device and its service."""
        super().link(load, up)
        if load in self._sides:
            self._sides[load].link(up, self.now_s)
            self._mirror(load)

    def restart_gateway(self, load: str) -> None:
        """Let the gateway of a load's station start anew, with its record."""
        side = self._sides.get(load)
        if isinstance(side, GatewaySide):
            side.restart_gateway(self.now_s)
            self._mirror(load)

    def next_s(self) -> float:
        """Return when the next thing changes by itself."""
        return min([super().next_s(), *(side.next_s() for side in self._sides.values())])

    def advance(self, to_s: float) -> None:
        """Move on, devices and services too."""
        super().advance(to_s)
        for name, side in self._sides.items():
            side.advance(to_s, self.tracks[name].now_a)
            self._mirror(name)

    def state_of(self, name: str) -> LoadState:
        """Return the state that the load's service publishes."""
        side = self._sides.get(name)
        return super().state_of(name) if side is None else side.state(self.now_s)

    def changed(self, name: str, old: LoadState) -> bool:
        """Tell whether the load's service published since it was last asked."""
        side = self._sides.get(name)
        return super().changed(name, old) if side is None else side.take_news()

    def _mirror(self, name: str) -> None:
        """Let the vehicle see what its outlet offers now."""
        side = self._sides.get(name)
        if side is None:
            return
        old: Outlet = self.outlets[name]
        active = side.active_lines(self.now_s) if isinstance(side, GatewaySide) else None
        if active is not None and isinstance(side, GatewaySide):
            self._use_lines(name, active)
            side.use_lines(len(self.appetites[name].lines))
        offers_a = side.offers_a(self.now_s)
        if offers_a != old.offers_a:
            fallen = offers_a == old.failsafe_a != old.setpoint_a
            if fallen:
                self.fallen_s = self.now_s
            self._replace(name, replace(old, offers_a=offers_a, setpoint_a=offers_a if fallen else old.setpoint_a))


def _with_devices(site: Site) -> Site:
    """Return the site with a station for each outlet that names none, and a driver for each plug that has none."""
    loads: dict[str, Load] = {}
    for name, load in site.loads.items():
        if isinstance(load, Evse):
            loads[name] = msgspec.structs.replace(load, station=load.station or f"SIM-{name}")
        else:
            loads[name] = msgspec.structs.replace(load, driver=load.driver or "shelly")
    return msgspec.structs.replace(site, loads=loads)
