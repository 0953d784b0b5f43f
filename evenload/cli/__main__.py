"""The `evenload` command."""

import click

from evenload.cli.backup import backup, restore
from evenload.cli.check import check
from evenload.cli.demo import demo
from evenload.cli.detect import detect
from evenload.cli.doctor import doctor
from evenload.cli.limits import limits
from evenload.cli.nats import nats
from evenload.cli.plan_command import plan_command
from evenload.cli.probe import probe
from evenload.cli.record import record
from evenload.cli.replay import replay
from evenload.cli.run import run
from evenload.cli.schema import schema
from evenload.cli.set_command import set_command
from evenload.cli.simulate import simulate
from evenload.cli.site import site
from evenload.cli.station import station
from evenload.cli.station_verbs import VERBS
from evenload.cli.status import status
from evenload.cli.tags import tag
from evenload.cli.transactions import transactions
from evenload.cli.up import up
from evenload.cli.why import why

EPILOG = """\b
Begin:
  evenload demo                        a simulated home, live
  evenload check home.yaml             is the site file good?
  evenload up home.yaml                manage it
  evenload station add CP001           let a charger connect
  evenload status --watch              what every load gets, and why
  evenload why wallbox                 the same of one load, in sentences
\b
Exit status: 0 all is well, 1 refused or failed, 2 the command was written wrongly, 3 no running evenload reached.
Completion: eval "$(_EVENLOAD_COMPLETE=bash_source evenload)"   (zsh_source, fish_source)
"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="evenload", message="evenload %(version)s")
def main() -> None:
    """Share a site's electric power between EV chargers, plugs, boilers and heat pumps.

    Every breaker is respected by one joint decision per reading, every setpoint is a lease that ends in a safe state,
    and every decision says why. Evenload is a supplementary protection: the breaker stays.
    """


COMMANDS = (
    up,
    demo,
    check,
    site,
    simulate,
    record,
    replay,
    status,
    why,
    set_command,
    plan_command,
    run,
    schema,
    station,
    transactions,
    limits,
    tag,
    probe,
    detect,
    nats,
    doctor,
    backup,
    restore,
)
for command in COMMANDS:
    main.add_command(command)
for verb in VERBS:
    station.add_command(verb)


if __name__ == "__main__":
    main(prog_name="evenload")
