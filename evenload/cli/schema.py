"""`evenload schema`: JSON Schema of the site file, for editors, and of everything on the bus."""

import difflib
import json

import click

from evenload.cli.events_paper import type_named
from evenload.cli.failures import Failure
from evenload.contracts import catalog
from evenload.site.json_schema import site_schema

EXAMPLES = """\b
Examples:
  evenload schema > site.schema.json     of the site file; in an editor with a YAML language server write
                                         # yaml-language-server: $schema=site.schema.json
                                         as the first line of the site file
  evenload schema events                 of everything on the bus
  evenload schema MeterReading           of one event, command or record
  evenload schema --list                 the names
"""


@click.command(epilog=EXAMPLES)
@click.argument("name", default="site")
@click.option("--list", "list_names", is_flag=True, help="List what can be named.")
def schema(name: str, list_names: bool) -> None:
    """Print a JSON Schema: of the site file (default), of all events, or of the one NAME."""
    known = catalog.all_types()
    if list_names:
        click.echo("\n".join(["site", "events", *known]))
        return
    found = type_named(name)
    if name == "site":
        shown = site_schema()
    elif name == "events":
        shown = catalog.json_schema(tuple(known.values()))
    elif found is not None:
        shown = catalog.json_schema((found,))
    else:
        near = difflib.get_close_matches(name, ["site", "events", *known], n=1)
        remedy = f"did you mean {near[0]}?" if near else "evenload schema --list shows the names"
        raise Failure(f"nothing on the bus is named {name}", remedy)
    click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
