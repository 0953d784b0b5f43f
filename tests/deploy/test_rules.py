"""Rules, runbook and the paper of metrics belong together; promtool tests that each alert fires when it should."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.metrics import paper, series_names

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((PROMETHEUS / "rules.yaml").read_text())["groups"] for rule in group["rules"]
]
NAME = re.compile(r"\b(?:evenload|process)_[a-z0-9_]+|\bup\b")


def test_the_paper_of_metrics_is_current() -> None:
    path = ROOT / "docs" / "metrics.md"
    made = paper()
    if os.environ.get("EVENLOAD_ACCEPT"):
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, "docs/metrics.md is not current; run make golden"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_measured_and_says_what_to_do(rule: dict[str, Any]) -> None:
    names = set(NAME.findall(rule["expr"]))
    assert names
    assert names <= series_names()
    page = ROOT / rule["annotations"]["runbook_url"]
    text = page.read_text(encoding="utf-8")
    assert page.stem == rule["alert"]
    assert text.startswith(f"# {rule['alert']}\n")
    assert "\n## Look at\n" in text
    assert "\n## Do\n" in text


def test_no_page_of_the_runbook_is_left_over() -> None:
    assert {page.stem for page in (ROOT / "docs" / "runbook").glob("*.md")} == {rule["alert"] for rule in RULES}


def test_links_within_the_runbook_lead_somewhere() -> None:
    for page in (ROOT / "docs" / "runbook").glob("*.md"):
        for target in re.findall(r"\]\(([^)]+\.md)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_alert_is_tested() -> None:
    tested = (PROMETHEUS / "rules_test.yaml").read_text()
    assert {rule["alert"] for rule in RULES} <= set(re.findall(r"alertname: (\w+)", tested))


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yaml"), ("check", "rules", "rules.yaml"), ("test", "rules", "rules_test.yaml")],
    ids=lambda arguments: " ".join(arguments),
)
def test_promtool_finds_no_fault(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
