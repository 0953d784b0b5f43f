"""The dashboards' definition, which lies beside what it makes."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

MAKER = Path(__file__).parents[2] / "deploy" / "grafana" / "make.py"


def maker() -> ModuleType:
    """Return deploy/grafana/make.py."""
    spec = importlib.util.spec_from_file_location("evenload_dashboards", MAKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def queries() -> list[tuple[str, str]]:
    """Return (board: panel, PromQL) of every panel, for the site `home`."""
    return [
        (f"{board.name}: {panel.title}", query.replace("$site", "home"))
        for board in maker().BOARDS
        for panel in board.panels
        for _, query in panel.queries
    ]
