"""Pictures of the dashboards' key panels for the README: the queries of the panels, asked of a real Prometheus that
scrapes the running demo.

Nothing is drawn that was not measured: the demo runs for `--minutes` with its sun `--speed` times as fast, Prometheus
asks its services each second, and each query of `deploy/grafana/make.py` is asked over that time. Series that stay
below a hundredth of their panel's largest value are left out. A load has one colour in all panels.
Run: make pictures, or python -m bench.pictures --minutes 6 --keep series.json; --from series.json draws only.
"""

import argparse
import asyncio
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from evenload.runtime.ports import free_port
from tests.deploy.boards import maker
from tests.integration.system.processes import EVENLOAD, Running, until
from tests.integration.system.test_dashboards import PROMETHEUS, configuration

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
WARM_S = 20.0
SHOWN: dict[str, dict[str, tuple[str, ...]]] = {
    "site": {
        "site": (
            "Grid current against the breaker",
            "Power",
            "Setpoints",
            "Drawn",
            "What bound each load",
            "Breaker's heat",
        )
    },
    "services": {
        "fleet": ("From a reading to …, 99 %",),
        "services": ("Decisions and setpoints", "NATS: messages", "NATS: streams and buckets"),
    },
}
"""Picture → dashboard → titles of its panels."""
BACK, PANEL, TEXT, LINES = "#111217", "#181b1f", "#d8d9da", "#34383e"
COLOURS = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#37872d", "#8ab8ff", "#ffcb7d", "#c0d8ff")
LOADS = {"guest": "#73bf69", "heater": "#ff9830", "wallbox": "#5794f2"}
UNITS = {"amp": "A", "watt": "kW", "percentunit": "%", "s": "ms", "bytes": "MB", "ops": "1/s"}
SCALES = {"watt": 1e-3, "percentunit": 100.0, "s": 1e3, "bytes": 1e-6}
Line = tuple[str, list[float], list[float]]


def panels(picture: str) -> list[Any]:
    """Return the panels of a picture, in order."""
    boards = {board.name: {panel.title: panel for panel in board.panels} for board in maker().BOARDS}
    return [boards[board][title] for board, titles in SHOWN[picture].items() for title in titles]


async def recorded(minutes: float, speed: float, seed: int) -> dict[str, Any]:
    """Return what Prometheus answers to each query over the time that the demo ran."""
    with tempfile.TemporaryDirectory(prefix="evenload-pictures-") as folder:
        home = Path(folder)
        arguments = ("demo", "--speed", f"{speed:g}", "--seed", str(seed))
        demo = await Running.start(EVENLOAD, *arguments, EVENLOAD_DATA_DIR=folder)
        try:
            told = home / "demo.json"
            await until(told.exists, 60, f"the demo starts:\n{demo.text}")
            config, port = home / "prometheus.yaml", free_port()
            config.write_text(configuration(json.loads(told.read_text(encoding="utf-8"))["http"]), encoding="utf-8")
            storage, web = f"--storage.tsdb.path={home / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"
            prometheus = await Running.start(PROMETHEUS, f"--config.file={config}", storage, web)
            try:
                await asyncio.sleep(WARM_S)
                from_s = time.time()
                await asyncio.sleep(60 * minutes)
                return await _asked(f"http://127.0.0.1:{port}", (from_s, time.time()))
            finally:
                await prometheus.end()
        finally:
            await demo.end()


async def _asked(url: str, span_s: tuple[float, float]) -> dict[str, Any]:
    found: dict[str, Any] = {"from_s": span_s[0]}
    async with aiohttp.ClientSession() as session:
        for picture in SHOWN:
            for panel in panels(picture):
                for _, query in panel.queries:
                    asked = {"query": query.replace("$site", "demo"), "start": span_s[0], "end": span_s[1], "step": 1}
                    async with session.get(f"{url}/api/v1/query_range", params=asked) as reply:
                        answer = await reply.json()
                    if answer["status"] != "success":
                        raise SystemExit(f"error: {query}: {answer.get('error')}")
                    found[query] = answer["data"]["result"]
    return found


def lines(panel: Any, data: dict[str, Any]) -> list[Line]:
    """Return (legend, minutes, values in the unit shown) of each series of a panel."""
    scale, found = SCALES.get(panel.unit, 1.0), []
    for legend, query in panel.queries:
        for series in data[query]:
            name = re.sub(r"\{\{(\w+)\}\}", lambda match, labels=series["metric"]: labels.get(match[1], ""), legend)
            points = [(float(at_s), float(value)) for at_s, value in series["values"] if value not in ("NaN", "+Inf")]
            minutes = [(at_s - data["from_s"]) / 60 for at_s, _ in points]
            found.append((name.strip(), minutes, [value * scale for _, value in points]))
    largest = max((abs(value) for _, _, values in found for value in values), default=0.0)
    seen = [line for line in found if max(map(abs, line[2]), default=0.0) >= largest / 100]
    return sorted(seen, key=lambda line: line[0])


def draw(picture: str, data: dict[str, Any]) -> Path:
    """Draw a picture as the dashboard shows it; return its file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    wanted = panels(picture)
    pyplot.rcParams.update({"font.size": 9, "text.color": TEXT, "axes.labelcolor": TEXT, "font.family": "DejaVu Sans"})
    rows = (len(wanted) + 1) // 2
    figure, axes = pyplot.subplots(rows, 2, figsize=(12, 2.9 * rows), facecolor=BACK, squeeze=False)
    for axis, panel in zip(axes.flat, wanted, strict=False):
        found = lines(panel, data)
        _frame(axis, panel)
        if panel.kind == "state-timeline":
            _spans(axis, found)
        else:
            _curves(axis, found)
    for axis in list(axes.flat)[len(wanted) :]:
        axis.set_visible(False)
    figure.tight_layout(pad=1.2, h_pad=2.0)
    path = PICTURES / f"{picture}.png"
    figure.savefig(path, dpi=110, facecolor=BACK, metadata={"Software": None})
    pyplot.close(figure)
    return path


def _frame(axis: Any, panel: Any) -> None:
    from matplotlib.ticker import MultipleLocator

    unit = UNITS.get(panel.unit, "")
    axis.set_facecolor(PANEL)
    axis.set_title(
        panel.title + (f"  [{unit}]" if unit else ""), loc="left", color=TEXT, fontsize=10, fontweight="bold"
    )
    axis.tick_params(colors=TEXT, length=0)
    axis.grid(color=LINES, linewidth=0.6)
    axis.margins(x=0)
    axis.set_axisbelow(True)
    axis.xaxis.set_major_locator(MultipleLocator(1.0))
    axis.xaxis.set_major_formatter(lambda minutes, _: f"{minutes:.0f} min")
    for side in axis.spines.values():
        side.set_visible(False)


def _curves(axis: Any, found: list[Line]) -> None:
    for number, (name, minutes, values) in enumerate(found):
        colour = LOADS.get(name.partition(" ")[0], COLOURS[number % len(COLOURS)])
        style = {"color": "#f2495c", "linestyle": "--"} if name.startswith("breaker") else {"color": colour}
        axis.plot(minutes, values, label=name, linewidth=1.3, drawstyle="steps-post", **style)
    if found and min(min(values, default=0.0) for _, _, values in found) >= 0:
        axis.set_ylim(bottom=0)
    if any(name for name, _, _ in found):
        axis.legend(
            loc="upper left", bbox_to_anchor=(0, -0.1), ncols=min(5, len(found)), frameon=False, fontsize=8,
            labelcolor=TEXT, handlelength=1.2, columnspacing=1.2,
        )  # fmt: skip


def _spans(axis: Any, found: list[Line]) -> None:
    """Draw when each series was there: one row a load, one colour a kind."""
    parts = [(*name.partition(": ")[::2], minutes) for name, minutes, _ in found]
    rows = sorted({row for row, _, _ in parts}, reverse=True)
    kinds = sorted({kind for _, kind, _ in parts})
    for row, kind, minutes in parts:
        colour = COLOURS[kinds.index(kind) % len(COLOURS)]
        spans = [(at, 1 / 60) for at in minutes]
        axis.broken_barh(spans, (rows.index(row) + 0.1, 0.8), facecolors=colour, linewidth=0)
    for kind in kinds:
        axis.barh([0], [0], color=COLOURS[kinds.index(kind) % len(COLOURS)], label=kind)
    axis.set_yticks([number + 0.5 for number in range(len(rows))], rows)
    axis.set_ylim(0, len(rows))
    axis.legend(
        loc="upper left",
        bbox_to_anchor=(0, -0.1),
        ncols=6,
        frameon=False,
        fontsize=8,
        labelcolor=TEXT,
        handlelength=1.2,
    )


def main() -> None:
    """Record and draw."""
    parser = argparse.ArgumentParser(prog="python -m bench.pictures", description=__doc__)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--speed", type=float, default=60.0, help="of the demo's sun and habits")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="write what was recorded there")
    parser.add_argument("--from", dest="source", type=Path, help="draw what was kept, and record nothing")
    given = parser.parse_args()
    if given.source is not None:
        data = json.loads(given.source.read_text(encoding="utf-8"))
    else:
        data = asyncio.run(recorded(given.minutes, given.speed, given.seed))
        if given.keep is not None:
            given.keep.write_text(json.dumps(data), encoding="utf-8")
    for picture in SHOWN:
        print(f"{draw(picture, data).relative_to(PICTURES.parents[1])}")


if __name__ == "__main__":
    main()
