"""Who may do what on NATS: one table, from which the server's configuration is made (faults.md section 4). Pure.

A user is a service, a person or a source; each has credentials of its own. What a row does not name is denied. Reading
and writing a bucket are the same few subjects for each bucket, so a row names buckets only.
"""

from msgspec import Struct

from evenload.contracts import subjects
from evenload.runtime.declared import BUCKETS, STREAMS

READ_ONLY_API = (
    "$JS.API.INFO",
    "$JS.API.STREAM.NAMES",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.INFO.>",
    "$JS.API.STREAM.MSG.GET.>",
    "$JS.API.DIRECT.GET.>",
    "$JS.API.CONSUMER.NAMES.>",
    "$JS.API.CONSUMER.LIST.>",
    "$JS.API.CONSUMER.INFO.>",
    "$JS.API.CONSUMER.CREATE.>",
    "$JS.API.CONSUMER.MSG.NEXT.>",
    "$JS.FC.>",
)
MANAGING_API = tuple(f"$JS.API.STREAM.{verb}.*" for verb in ("CREATE", "UPDATE", "INFO", "SNAPSHOT", "RESTORE"))


class Rights(Struct, frozen=True, kw_only=True):
    """One user's rights, in our terms."""

    user: str
    publish: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    """Instead of `publish`: all but these."""
    subscribe: tuple[str, ...] = ()
    reads: tuple[str, ...] = (subjects.SITES,)
    """Buckets."""
    writes: tuple[str, ...] = ()
    """Buckets; what is written may be read."""
    answers: bool = True
    """It answers requests that reach it, at least those of service discovery."""


class Permissions(Struct, frozen=True, kw_only=True):
    """What the server lets a user do."""

    publish: tuple[str, ...]
    never: tuple[str, ...]
    """Instead of `publish`: all but these."""
    subscribe: tuple[str, ...]
    answers: bool


_ALERTS = subjects.alerts()
TELEMETRY = (
    subjects.reading(),
    subjects.load_state(),
    subjects.result(),
    subjects.decision(),
    subjects.basis(),
    subjects.alerts(),
    subjects.transactions(),
    subjects.limit_record(),
)
"""What a home tells a cloud."""
CONTROLLING = (subjects.setpoint(), subjects.command(), subjects.limit(), subjects.station_calls())
"""What could control a home."""
INTERNAL = ("$KV.>", "$JS.>", "$SRV.>", "$SYS.>")
"""What is stored and who serves."""
_ALL_BUCKETS = tuple(bucket.name for bucket in BUCKETS)
METER_INGEST = Rights(
    user="meter_ingest",
    publish=(subjects.reading(), subjects.limit(), _ALERTS),
    writes=(subjects.READERS,),
)
OCPP_GATEWAY = Rights(
    user="ocpp_gateway",
    publish=(subjects.load_state(), subjects.result(), subjects.transactions(), _ALERTS),
    subscribe=(subjects.setpoint(), subjects.station_calls()),
    writes=(subjects.STATIONS,),
)
ALLOCATOR = Rights(
    user="allocator",
    publish=(subjects.setpoint(), subjects.decision(), subjects.basis(), subjects.limit_record(), _ALERTS),
    subscribe=(
        subjects.reading(),
        subjects.load_state(),
        subjects.result(),
        subjects.limit(),
        subjects.command(),
        subjects.load_plan(),
    ),
    writes=(subjects.OWNERS, subjects.EPOCHS, subjects.MEMORY, subjects.OVERRIDES),
)
PLUG_CONTROL = Rights(
    user="plug_control",
    publish=(subjects.load_state(), subjects.result(), _ALERTS),
    subscribe=(subjects.setpoint(), subjects.reading()),
    reads=(subjects.SITES, subjects.OVERRIDES),
    writes=(subjects.SWITCHERS, subjects.DEVICES),
)
PLANNER = Rights(
    user="planner",
    publish=(subjects.load_plan(), subjects.forecast(), _ALERTS),
    subscribe=(subjects.reading(), subjects.load_state(), subjects.decision(), subjects.forecast()),
    reads=(subjects.SITES, subjects.OVERRIDES),
    writes=(subjects.PLANS, subjects.PLANNERS),
)
HOME_ASSISTANT = Rights(
    user="home_assistant",
    publish=(subjects.command(), _ALERTS),
    subscribe=(subjects.decision(), _ALERTS),
    reads=(subjects.SITES, subjects.OVERRIDES),
)
OPERATOR = Rights(
    user="operator",
    publish=(subjects.command(), subjects.station_calls(), "$SRV.>", *READ_ONLY_API),
    subscribe=("evenload.>", "$KV.>", "$JS.EVENT.>"),
    reads=_ALL_BUCKETS,
    writes=(subjects.SITES, subjects.STATIONS, subjects.TAGS),
    answers=False,
)
PROVISIONER = Rights(
    user="provisioner",
    publish=("$JS.API.INFO", *MANAGING_API, "$JS.SNAPSHOT.>"),
    reads=_ALL_BUCKETS,
    answers=False,
)
SERVICES = (METER_INGEST, OCPP_GATEWAY, ALLOCATOR, PLUG_CONTROL, PLANNER, HOME_ASSISTANT)
EVERYBODY = (*SERVICES, OPERATOR, PROVISIONER)


def limit_source(source: str) -> Rights:
    """Return the rights of an outside source of limits: its own subject and nothing else."""
    return Rights(user=f"limit_{source}", publish=(subjects.limit("*", source),), reads=(), answers=False)


def home(site: str) -> Rights:
    """Return the rights of a home's own server that reports here: it tells of its site, and may be asked."""
    asked = (subjects.command(site), subjects.limit(site))
    # What may be said is named by what may not: a server passes a home's news on only where its permission covers the
    # whole of what somebody listens to, and people listen to `evenload.>`.
    return Rights(user=f"home_{site}", never=(*CONTROLLING, *INTERNAL), subscribe=asked, reads=(), answers=False)


def permissions(rights: Rights, user: str = "") -> Permissions:
    """Return what the server must be told; `user` = its name there when it differs (several tenants)."""
    name = user or rights.user
    buckets = dict.fromkeys((*rights.reads, *rights.writes))
    publish = [*rights.publish]
    for bucket in buckets:
        publish += _reading(bucket)
    publish += [f"$KV.{bucket}.>" for bucket in rights.writes]
    own = [f"{inbox(name)}.>"]
    discovery = ["$SRV.>"] if rights.answers or rights.user == OPERATOR.user else []
    return Permissions(
        publish=tuple(dict.fromkeys(publish)),
        never=rights.never,
        subscribe=tuple(dict.fromkeys((*rights.subscribe, *discovery, *own))),
        answers=rights.answers,
    )


def inbox(user: str) -> str:
    """Return the prefix of a user's own inboxes; nobody else may listen there."""
    return f"_INBOX_{user}"


def _reading(bucket: str) -> tuple[str, ...]:
    stream = f"KV_{bucket}"
    return (
        "$JS.API.INFO",
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.DELETE.{stream}.>",
        "$JS.FC.>",
    )


def declared_names() -> tuple[str, ...]:
    """Return the JetStream name of everything that is kept."""
    return (*(stream.name for stream in STREAMS), *(f"KV_{bucket.name}" for bucket in BUCKETS))
