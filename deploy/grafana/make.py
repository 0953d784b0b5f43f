"""Write the Grafana dashboards from one definition: `python deploy/grafana/make.py`, done by `make golden`.

A panel is a title, a unit and queries; where it stands and how it is drawn follow from its kind. Every query is run
against a real Prometheus in the tests.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
COLUMNS = 24
SITE = '{site=~"$site"}'
HEALTH = {"0": ("normal", "green"), "1": ("raises wait", "yellow"), "2": ("failsafe", "red")}


@dataclass(frozen=True)
class Panel:
    """One panel. `queries` = (legend, PromQL)."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    note: str = ""
    values: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Value to (words, colour)."""


@dataclass(frozen=True)
class Dashboard:
    """One dashboard; `variable` = a label to choose by, and the series it comes from."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    variable: tuple[str, str] | None = None


def p99(name: str, labels: str = "") -> str:
    """Return the query of a histogram's 99th percentile."""
    return f"histogram_quantile(0.99, sum by (le) (rate({name}_bucket{labels}[1m])))"


SITE_BOARD = Dashboard(
    "site",
    "Evenload: a site",
    (
        Panel(
            "Grid current against the breaker",
            "amp",
            (
                ("{{phase}}", f"evenload_grid_amperes{SITE}"),
                ("breaker", f"evenload_breaker_amperes{SITE}"),
                ("breaker, exporting", f"-1 * evenload_breaker_amperes{SITE}"),
            ),
            width=16,
            note="+ import, − export",
        ),
        Panel(
            "Health",
            "none",
            (("{{site}}", f"evenload_site_health{SITE}"),),
            kind="stat",
            width=4,
            height=4,
            values=HEALTH,
        ),
        Panel("Alerts", "none", (("{{site}}", f"evenload_alerts_standing{SITE}"),), kind="stat", width=4, height=4),
        Panel(
            "Breaker's heat",
            "percentunit",
            (("{{phase}}", f"evenload_breaker_heat_ratio{SITE}"),),
            width=8,
            note="thermal integral: 100 % = at its rating for long, 128 % for an hour trips it",
        ),
        Panel(
            "Power",
            "watt",
            (("sun", f"evenload_solar_watts{SITE}"), ("battery, + discharging", f"evenload_battery_watts{SITE}")),
            width=8,
        ),
        Panel(
            "Battery",
            "percentunit",
            (("{{site}}", f"evenload_battery_soc_ratio{SITE}"),),
            width=8,
            note="state of charge",
        ),
        Panel(
            "Setpoints",
            "amp",
            (("{{load}}", f"evenload_setpoint_amperes{SITE}"),),
            note="what each load may draw per line",
        ),
        Panel(
            "Drawn",
            "amp",
            (("{{load}} {{phase}}", f"evenload_measured_amperes{SITE}"),),
            note="what each load draws per line",
        ),
        Panel(
            "What bound each load",
            "none",
            (("{{load}}: {{kind}}", f"evenload_bound_by{SITE} == 1"),),
            kind="state-timeline",
            note="the kind of limit; `evenload why LOAD` says it in a sentence",
        ),
        Panel(
            "Charging stations",
            "none",
            (
                ("{{load}} connected", f"evenload_load_reachable{SITE}"),
                ("{{load}} obeys", f"evenload_load_obeys{SITE}"),
            ),
            kind="state-timeline",
        ),
        Panel(
            "Age of what was decided on",
            "s",
            (
                ("{{input}}", f"evenload_input_age_seconds{SITE}"),
                ("meter {{meter}}", f"evenload_meter_age_seconds{SITE}"),
            ),
        ),
        Panel("Decisions", "ops", (("{{site}}", f"rate(evenload_decisions_total{SITE}[1m])"),)),
    ),
    variable=("site", "evenload_site_health"),
)
FLEET_BOARD = Dashboard(
    "fleet",
    "Evenload: all sites",
    (
        Panel("Sites", "none", (("sites", "count(evenload_site_health)"),), kind="stat", width=4, height=4),
        Panel(
            "In failsafe", "none", (("sites", "sum(evenload_site_health == bool 2)"),), kind="stat", width=4, height=4
        ),
        Panel(
            "Raises wait", "none", (("sites", "sum(evenload_site_health == bool 1)"),), kind="stat", width=4, height=4
        ),
        Panel("Alerts", "none", (("alerts", "sum(evenload_alerts_standing)"),), kind="stat", width=4, height=4),
        Panel(
            "Stations connected", "none", (("stations", "sum(evenload_ocpp_sessions)"),), kind="stat", width=4, height=4
        ),
        Panel(
            "Loads that disobey",
            "none",
            (("loads", "sum(evenload_load_obeys == bool 0)"),),
            kind="stat",
            width=4,
            height=4,
        ),
        Panel(
            "Least headroom",
            "amp",
            (
                (
                    "{{site}}",
                    "bottomk(10, min by (site) (evenload_breaker_amperes"
                    " - on (site) group_right () evenload_grid_amperes))",
                ),
            ),
            note="the ten sites nearest to their breaker",
        ),
        Panel(
            "Hottest breakers",
            "percentunit",
            (("{{site}} {{phase}}", "topk(10, evenload_breaker_heat_ratio)"),),
        ),
        Panel(
            "Sites by health",
            "none",
            (
                ("normal", "sum(evenload_site_health == bool 0)"),
                ("raises wait", "sum(evenload_site_health == bool 1)"),
                ("failsafe", "sum(evenload_site_health == bool 2)"),
            ),
        ),
        Panel(
            "Loads by connection",
            "none",
            (
                ("connected", "sum(evenload_load_reachable == bool 1)"),
                ("away", "sum(evenload_load_reachable == bool 0)"),
            ),
        ),
        Panel(
            "From a reading to …, 99 %",
            "s",
            (
                ("the setpoint", p99("evenload_reading_to_setpoint_seconds")),
                ("a lower profile on the socket", p99("evenload_reading_to_station_seconds", '{direction="cut"}')),
            ),
        ),
        Panel("Drawn by all loads", "amp", (("A·lines", "sum(evenload_measured_amperes)"),)),
    ),
)
SERVICES_BOARD = Dashboard(
    "services",
    "Evenload: the services",
    (
        Panel("Up", "none", (("{{service}}", "up{job=~'evenload.*'}"),), kind="stat", width=12, height=4),
        Panel(
            "Connected to NATS", "none", (("{{service}}", "evenload_bus_connected"),), kind="stat", width=12, height=4
        ),
        Panel(
            "CPU", "percentunit", (("{{service}}", "rate(process_cpu_seconds_total{job=~'evenload.*'}[1m])"),), width=8
        ),
        Panel("Memory", "bytes", (("{{service}}", "process_resident_memory_bytes{job=~'evenload.*'}"),), width=8),
        Panel(
            "Event loop late by, 99 %",
            "s",
            (
                (
                    "{{service}}",
                    "histogram_quantile(0.99, sum by (le, service) (rate(evenload_loop_lag_seconds_bucket[1m])))",
                ),
            ),
            width=8,
        ),
        Panel(
            "Decisions and setpoints",
            "ops",
            (
                ("decisions", "sum(rate(evenload_decisions_total[1m]))"),
                ("setpoints", "sum(rate(evenload_setpoints_sent_total[1m]))"),
                ("withheld", "sum(rate(evenload_setpoints_withheld_total[1m]))"),
            ),
        ),
        Panel("One decision, 99 %", "s", (("", p99("evenload_decision_seconds")),)),
        Panel("Readings", "ops", (("{{site}} {{meter}}", "rate(evenload_meter_readings_total[1m])"),)),
        Panel("Calls of stations", "ops", (("{{action}}", "sum by (action) (rate(evenload_ocpp_calls_total[1m]))"),)),
        Panel(
            "Calls to stations",
            "ops",
            (("{{action}} {{outcome}}", "sum by (action, outcome) (rate(evenload_ocpp_sent_calls_total[1m]))"),),
        ),
        Panel(
            "Refused, failed, dropped",
            "ops",
            (
                ("handlers and tasks that raised", "sum(rate(evenload_handler_failures_total[1m]))"),
                ("plug events not sent", "sum(rate(evenload_plug_dropped_total[1m]))"),
                ("meter events not sent", "sum(rate(evenload_meter_dropped_total[1m]))"),
            ),
        ),
        Panel(
            "NATS: messages",
            "ops",
            (
                (
                    "{{server}} {{direction}}",
                    "max by (server, direction) (rate(evenload_nats_messages_total[1m]))",
                ),
            ),
            width=8,
        ),
        Panel(
            "NATS: clients",
            "none",
            (
                ("{{server}} connected", "max by (server) (evenload_nats_connections)"),
                ("{{server}} cut off, in 1 h", "max by (server) (increase(evenload_nats_slow_consumers_total[1h]))"),
            ),
            width=8,
            note="cut off: did not keep up with what they had subscribed to",
        ),
        Panel(
            "NATS: memory",
            "bytes",
            (("{{server}}", "max by (server) (evenload_nats_memory_bytes)"),),
            width=8,
        ),
        Panel(
            "NATS: kept, of what may be",
            "percentunit",
            (
                (
                    "{{server}} {{kind}}",
                    "max by (server, kind) (evenload_nats_store_bytes / evenload_nats_store_limit_bytes)",
                ),
            ),
        ),
        Panel(
            "NATS: streams and buckets",
            "bytes",
            (("{{stream}}", "topk(10, max by (stream) (evenload_nats_stream_bytes))"),),
        ),
    ),
)
BOARDS = (SITE_BOARD, FLEET_BOARD, SERVICES_BOARD)


def dashboard_json(board: Dashboard) -> dict[str, Any]:
    """Return what Grafana reads."""
    return {
        "uid": f"evenload-{board.name}",
        "title": board.title,
        "tags": ["evenload"],
        "schemaVersion": 41,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "5s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_variable(*board.variable)] if board.variable else []},
        "links": [
            {"type": "dashboards", "tags": ["evenload"], "title": "Evenload", "asDropdown": True, "keepTime": True}
        ],
        "panels": [_panel(number, panel, at) for number, (panel, at) in enumerate(_placed(board.panels), 1)],
    }


def _variable(label: str, series: str) -> dict[str, Any]:
    return {
        "name": label,
        "type": "query",
        "datasource": SOURCE,
        "query": f"label_values({series}, {label})",
        "refresh": 2,
        "sort": 1,
        "includeAll": False,
        "multi": False,
    }


def _placed(panels: tuple[Panel, ...]) -> list[tuple[Panel, tuple[int, int]]]:
    """Return each panel with its place: from left to right, and below where a row is full."""
    heights = [0] * COLUMNS
    found = []
    for panel in panels:
        places = [(max(heights[left : left + panel.width]), left) for left in range(COLUMNS - panel.width + 1)]
        top, left = min(places)
        for column in range(left, left + panel.width):
            heights[column] = top + panel.height
        found.append((panel, (left, top)))
    return found


def _panel(number: int, panel: Panel, at: tuple[int, int]) -> dict[str, Any]:
    mappings = [
        {"type": "value", "options": {value: {"text": words, "color": colour, "index": index}}}
        for index, (value, (words, colour)) in enumerate(panel.values.items())
    ]
    targets = [
        {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query, "legendFormat": legend or "__auto"}
        for index, (legend, query) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.note,
        "datasource": SOURCE,
        "gridPos": {"x": at[0], "y": at[1], "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": {"unit": panel.unit, "mappings": mappings}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if panel.kind == "timeseries" else {},
        "targets": targets,
    }


def files() -> dict[Path, str]:
    """Return each file's content."""
    return {
        FOLDER / f"{board.name}.json": json.dumps(dashboard_json(board), indent=1, ensure_ascii=False) + "\n"
        for board in BOARDS
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
