"""`evenload simulate`: scenarios in virtual time, driving the services' real cores."""

import json
from collections.abc import Callable
from pathlib import Path

import click

from evenload.cli.check import report
from evenload.cli.explained import Explained, Moment
from evenload.cli.record_files import Writer, create
from evenload.runtime.clock import SystemClock
from evenload.simulation.runner import ScenarioResult, run_paths, totals
from evenload.site.findings import ConfigError

EXAMPLES = """\b
Examples:
  evenload simulate tests/scenarios                  all of a folder
  evenload simulate --trace my-day.yaml              one line a step, only changes (legend: docs/trace.md)
  evenload simulate --why 12:30 my-day.yaml          why every load is as it is then, in sentences
  evenload simulate --json scenarios | jq .passed    one JSON object a scenario
  evenload simulate --record day.jsonl my-day.yaml   keep what was published; then: evenload replay day.jsonl
\b
Exit status: 0 all passed, 1 one or more failed or cannot be read.
"""


@click.command(epilog=EXAMPLES)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--trace", is_flag=True, help="Print one line a step, only when something changed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each scenario.")
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Write a record to this new file.")
@click.option(
    "--why",
    "moments",
    multiple=True,
    type=Moment(),
    help="Explain every load as it is then, as `evenload why` does; hours and minutes from the start; repeatable.",
)
def simulate(
    *, paths: tuple[Path, ...], trace: bool, as_json: bool, record: Path | None, moments: tuple[float, ...]
) -> None:
    """Run the scenarios in files and folders and compare with what they expect."""
    tracer = _tracer(as_json) if trace else None
    explain = Explained(moments, lambda line: click.echo(line, err=as_json))
    watch = explain.on_decision if moments else None
    try:
        if record is None:
            results = run_paths(paths, tracer, watch=watch)
        else:
            with create(record) as out:
                results = run_paths(paths, tracer, Writer(out, SystemClock().utc(), "simulation").write, watch)
    except ConfigError as fault:
        report(fault.findings)
        raise click.exceptions.Exit(1) from fault
    explain.end()
    for result in results:
        show_json(result) if as_json else show(result)
    count = totals(results)
    if not as_json:
        click.secho(str(count), fg="green" if count.run == count.passed else "red")
    if count.run != count.passed:
        raise click.exceptions.Exit(1)


def _tracer(as_json: bool) -> Callable[[str], None]:
    """Return a writer of trace lines that leaves standard output to the JSON."""
    return lambda line: click.echo(line, err=as_json)


def show_json(result: ScenarioResult) -> None:
    """Print the result as one JSON line."""
    click.echo(json.dumps(result.to_json(), ensure_ascii=False))


def show(result: ScenarioResult) -> None:
    """Print a failed scenario with what differed; a passed one only by its name."""
    mark, colour = ("passed", "green") if result.passed else ("failed", "red")
    settled = "never settled" if result.settled_s is None else f"settled after {result.settled_s:g} s"
    click.echo(f"{click.style(mark, fg=colour)}  {result.file}: {result.name} ({settled})")
    for violation in result.violations:
        click.secho(f"        {violation}", fg="red")
