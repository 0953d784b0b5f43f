"""`evenload station start|stop|reset|…`: what an operator does to one charging station, in one command each.

The calls go out in the words of OCPP 1.6; the gateway puts them into those of the station's version, checks them, and
fills in what it knows (the running transaction, the only connector, a tag).
"""

from collections.abc import Callable
from typing import Any, Final

import click

from evenload.cli.connection import system_options
from evenload.cli.station import print_answer

REPORT_S: Final = 45.0
"""A report comes in many messages."""
Options = dict[str, Any]
Command = Callable[..., None]

_station = click.argument("station_id", metavar="STATION")
_connector = click.option("--connector", type=click.IntRange(0, 1000), help="Which one; default: the only one.")
_any_connector = click.option(
    "--connector", type=click.IntRange(0, 1000), default=0, show_default=True, help="0 = all."
)


def _send(station_id: str, action: str, payload: Options, where: Options, *, timeout_s: float = 10.0) -> None:
    """Send a call and print the answer; options that were not given are left out."""
    given = {key: value for key, value in payload.items() if value is not None}
    print_answer(station_id, action, given, timeout_s=timeout_s, **where)


@click.command()
@_station
@_connector
@click.option("--tag", help="Id tag to start with; default: the one seen last.")
@system_options
def start(*, station_id: str, connector: int | None, tag: str | None, **where: Any) -> None:
    """Start the transaction of a plugged vehicle."""
    _send(station_id, "RemoteStartTransaction", {"connectorId": connector, "idTag": tag}, where)


@click.command()
@_station
@_connector
@system_options
def stop(*, station_id: str, connector: int | None, **where: Any) -> None:
    """End the running transaction."""
    _send(station_id, "RemoteStopTransaction", {"connectorId": connector}, where)


@click.command()
@_station
@_any_connector
@system_options
def enable(*, station_id: str, connector: int, **where: Any) -> None:
    """Put a connector, or all, into service."""
    _send(station_id, "ChangeAvailability", {"connectorId": connector, "type": "Operative"}, where)


@click.command()
@_station
@_any_connector
@system_options
def disable(*, station_id: str, connector: int, **where: Any) -> None:
    """Take a connector, or all, out of service; a vehicle that charges is let finish."""
    _send(station_id, "ChangeAvailability", {"connectorId": connector, "type": "Inoperative"}, where)


@click.command()
@_station
@_connector
@system_options
def unlock(*, station_id: str, connector: int | None, **where: Any) -> None:
    """Release a cable that is stuck; a transaction on it ends."""
    _send(station_id, "UnlockConnector", {"connectorId": connector}, where)


@click.command()
@_station
@click.option("--hard", is_flag=True, help="At once; default: transactions end first.")
@system_options
def reset(*, station_id: str, hard: bool, **where: Any) -> None:
    """Restart the station; its profiles are written again when it is back."""
    _send(station_id, "Reset", {"type": "Hard" if hard else "Soft"}, where)


@click.command()
@_station
@click.argument("message")
@_connector
@system_options
def trigger(*, station_id: str, message: str, connector: int | None, **where: Any) -> None:
    """Ask for MESSAGE: StatusNotification, MeterValues, Heartbeat, BootNotification, …"""
    _send(station_id, "TriggerMessage", {"requestedMessage": message, "connectorId": connector}, where)


@click.command()
@_station
@click.argument("vendor")
@click.argument("message", required=False)
@click.argument("data", required=False)
@system_options
def transfer(*, station_id: str, vendor: str, message: str | None, data: str | None, **where: Any) -> None:
    """Send DATA of a maker's own (DataTransfer)."""
    _send(station_id, "DataTransfer", {"vendorId": vendor, "messageId": message, "data": data}, where)


@click.command()
@_station
@click.argument("url")
@system_options
def diagnostics(*, station_id: str, url: str, **where: Any) -> None:
    """Let the station upload its diagnostics to URL (ftp://…, https://…)."""
    _send(station_id, "GetDiagnostics", {"location": url}, where)


@click.command()
@_station
@click.argument("keys", nargs=-1)
@system_options
def configuration(*, station_id: str, keys: tuple[str, ...], **where: Any) -> None:
    """Read configuration KEYS; all (1.6), or those that the gateway knows (2.x), when none are named.

    A variable of 2.x is written Component.Variable.
    """
    _send(station_id, "GetConfiguration", {"key": list(keys) or None}, where)


@click.command()
@_station
@click.argument("key")
@click.argument("value")
@system_options
def configure(*, station_id: str, key: str, value: str, **where: Any) -> None:
    """Write configuration KEY; a variable of 2.x is written Component.Variable."""
    _send(station_id, "ChangeConfiguration", {"key": key, "value": value}, where)


@click.command()
@_station
@_connector
@system_options
def schedule(*, station_id: str, connector: int | None, **where: Any) -> None:
    """Show what the station's profiles allow together in the next ten minutes, whoever wrote them."""
    _send(station_id, "GetCompositeSchedule", {"connectorId": connector}, where)


@click.command()
@_station
@system_options
def report(*, station_id: str, **where: Any) -> None:
    """Show the device model of a 2.x station."""
    _send(station_id, "GetBaseReport", {"requestId": 2, "reportBase": "FullInventory"}, where, timeout_s=REPORT_S)


@click.command()
@_station
@system_options
def profiles(*, station_id: str, **where: Any) -> None:
    """Show the charging profiles that a 2.x station holds, and whose they are."""
    _send(station_id, "GetChargingProfiles", {"requestId": 3, "chargingProfile": {}}, where, timeout_s=REPORT_S)


VERBS: Final = (
    start, stop, enable, disable, unlock, reset, trigger, transfer, diagnostics, configuration, configure, schedule,
    report, profiles,
)  # fmt: skip
