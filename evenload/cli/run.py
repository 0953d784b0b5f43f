"""`evenload run`: one service in this process, against an existing NATS; what containers run."""

import runpy
import sys

import click

SERVICES = ("meter_ingest", "allocator", "ocpp_gateway", "plug_control", "planner", "home_assistant")
EXAMPLES = """\b
Examples:
  EVENLOAD_NATS_URL=nats://nats:4222 evenload run allocator
  EVENLOAD_HTTP_HOST=0.0.0.0 EVENLOAD_HTTP_PORT=9090 evenload run meter_ingest
\b
Settings come from the environment:
  EVENLOAD_NATS_URL     address, default nats://127.0.0.1:4222
  EVENLOAD_NATS_CREDS   file with credentials
  EVENLOAD_NATS_CA      PEM file of who signed the server's certificate
  EVENLOAD_NATS_MONITOR the servers' monitoring addresses, shown as metrics
  EVENLOAD_NATS_PROVISIONED  1: streams are made by `evenload nats provision`
  EVENLOAD_HTTP_HOST    of /livez /readyz /metrics, default 127.0.0.1
  EVENLOAD_HTTP_PORT    default 0: a free one, told in the log
  EVENLOAD_LOG          json | text | auto
  EVENLOAD_LOG_LEVEL    DEBUG | INFO | WARNING | ERROR
  EVENLOAD_OCPP_HOST    where ocpp_gateway listens, default 127.0.0.1
  EVENLOAD_OCPP_PORT    default 9000
  EVENLOAD_OCPP_OPEN    1: stations without a password may connect
  EVENLOAD_OCPP_DRAIN_PCT  told to stop, let so many % of a fleet go a minute, default 0: all at once
\b
Exit status: 0 stopped as asked, 1 failed (start it again), 2 the settings are wrong.
"""


@click.command(epilog=EXAMPLES)
@click.argument("service", type=click.Choice(SERVICES))
def run(service: str) -> None:
    """Run one SERVICE until SIGTERM."""
    sys.argv = [f"evenload run {service}"]
    runpy.run_module(f"services.{service}.__main__", run_name="__main__", alter_sys=True)
