"""The files that `evenload nats init` writes: a server's configuration and one credentials file for each user. Pure.

Each tenant is an account of its own and sees nothing of the others; a server's own account is apart from all. A home
that reports to a cloud is a leaf node: its JetStream is a domain of its own, telemetry goes out, and nothing that
could control it comes in unless that was asked for. The connection has an account of its own, because exports and
imports between accounts go one way by their nature, where denials on a leaf connection stop a subject both ways.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from evenload.contracts import subjects
from evenload.runtime.permissions import EVERYBODY, TELEMETRY, Permissions, Rights, home, limit_source, permissions

CONFIG, ACCOUNTS = "nats-server.conf", "accounts.conf"
SYSTEM_USER = "system"
REPORT = "REPORT"
JETSTREAM_MEMORY = "256MB"


class Tls(Struct, frozen=True, kw_only=True):
    """PEM files as the server reads them."""

    cert: str
    key: str
    ca: str = ""


class Leaf(Struct, frozen=True, kw_only=True):
    """The cloud that a home reports to."""

    url: str
    """`nats-leaf://` or `tls://` address, with the user and password that the cloud gave."""
    site: str
    """The home's site; its JetStream domain has this name."""
    controlled: bool = False
    """The cloud may send commands and limits; setpoints stay the home's own in any case."""


class Plan(Struct, frozen=True, kw_only=True):
    """What to write."""

    listen: str
    store_dir: str
    tenants: tuple[str, ...]
    limit_sources: tuple[str, ...] = ()
    homes: tuple[str, ...] = ()
    """Sites whose own servers report here as leaf nodes."""
    monitor: str = ""
    """Address of the monitoring port; empty = none."""
    tls: Tls | None = None
    leaf: Leaf | None = None
    leaf_listen: str = ""
    """Address where homes' leaf nodes connect; empty = nowhere."""


def users(plan: Plan) -> dict[str, tuple[str, Rights]]:
    """Return every user's name with its tenant and rights. With one tenant names are short."""
    found: dict[str, tuple[str, Rights]] = {}
    for tenant in plan.tenants:
        sources = (limit_source(source) for source in plan.limit_sources)
        everybody = (*EVERYBODY, *sources, *(home(site) for site in plan.homes))
        for rights in everybody:
            found[name_in(plan, tenant, rights.user)] = (tenant, rights)
    return found


def name_in(plan: Plan, tenant: str, user: str) -> str:
    """Return a user's name on the server; names are unique over all accounts."""
    return user if len(plan.tenants) == 1 else f"{tenant}-{user}"


def accounts(plan: Plan, passwords: Mapping[str, str]) -> str:
    """Return who may do what, for the server's configuration to include. `passwords` = of `users` and `SYSTEM_USER`."""
    lines = ["# Written by `evenload nats init`; it holds passwords: mode 0400.", *_accounts(plan, passwords)]
    return "\n".join(lines) + "\n"


def configuration(plan: Plan) -> str:
    """Return the server's configuration."""
    lines = [
        "# Written by `evenload nats init`.",
        f"listen: {_quoted(plan.listen)}",
        "max_payload: 1MB",
        "max_pending: 16MB",
        'write_deadline: "2s"',
        'ping_interval: "5s"',
        "ping_max: 2",
        *_jetstream(plan),
    ]
    if plan.monitor:
        lines.append(f"http: {_quoted(plan.monitor)}")
    if plan.tls is not None:
        lines += _block("tls", _tls(plan.tls))
    lines += [f"include {ACCOUNTS}", *_leaf_nodes(plan)]
    return "\n".join(lines) + "\n"


def credentials(user: str, password: str) -> str:
    """Return a credentials file's content (`EVENLOAD_NATS_CREDS`)."""
    return f"{user}:{password}\n"


def _quoted(text: str) -> str:
    return json.dumps(text)


def _block(name: str, inside: Iterable[str]) -> list[str]:
    return [f"{name} {{", *(f"  {line}" for line in inside), "}"]


def _jetstream(plan: Plan) -> list[str]:
    inside = [
        f"store_dir: {_quoted(plan.store_dir)}",
        "# What was acknowledged survives a power cut.",
        "sync_interval: always",
        f"max_memory_store: {JETSTREAM_MEMORY}",
    ]
    if plan.leaf is not None:
        inside.append(f"domain: {_quoted(plan.leaf.site)}")
    return _block("jetstream", inside)


def _tls(tls: Tls) -> list[str]:
    lines = [f"cert_file: {_quoted(tls.cert)}", f"key_file: {_quoted(tls.key)}"]
    return [*lines, f"ca_file: {_quoted(tls.ca)}"] if tls.ca else lines


def _accounts(plan: Plan, passwords: Mapping[str, str]) -> list[str]:
    inside: list[str] = []
    for tenant in plan.tenants:
        members = [(name, rights) for name, (owner, rights) in users(plan).items() if owner == tenant]
        lines = [_user(name, passwords[name], permissions(rights, name)) for name, rights in members]
        shared = _exports(plan.leaf) if plan.leaf is not None and tenant == plan.tenants[0] else []
        inside += _block(_quoted(tenant), ["jetstream: enabled", *shared, *_list("users", lines)])
    if plan.leaf is not None:
        inside += _report(plan.leaf, plan.tenants[0])
    system = f"{{ user: {_quoted(SYSTEM_USER)}, password: {_quoted(passwords[SYSTEM_USER])} }}"
    inside += _block('"SYS"', _list("users", [system]))
    return [*_block("accounts", inside), 'system_account: "SYS"']


def _list(name: str, items: Sequence[str]) -> list[str]:
    return [f"{name}: [", *(f"  {item}" for item in items), "]"]


def _user(name: str, password: str, may: Permissions) -> str:
    publish: object = {"deny": list(may.never)} if may.never else list(may.publish)
    rights = {"publish": publish, "subscribe": list(may.subscribe)}
    inside = ", ".join(f"{verb}: {json.dumps(allowed)}" for verb, allowed in rights.items())
    answers = ", allow_responses: true" if may.answers else ""
    return f"{{ user: {_quoted(name)}, password: {_quoted(password)}, permissions: {{ {inside}{answers} }} }}"


def _leaf_nodes(plan: Plan) -> list[str]:
    inside: list[str] = []
    if plan.leaf_listen:
        inside.append(f"listen: {_quoted(plan.leaf_listen)}")
    if plan.leaf is not None:
        remote = f"{{ url: {_quoted(plan.leaf.url)}, account: {_quoted(REPORT)} }}"
        inside += _list("remotes", [remote])
    return _block("leafnodes", inside) if inside else []


def _exports(leaf: Leaf) -> list[str]:
    """Return what a home's own account gives to the account that is connected to the cloud, and takes from there."""
    exports = [f"{{ stream: {_quoted(subject)} }}" for subject in TELEMETRY]
    if not leaf.controlled:
        return _list("exports", exports)
    exports.append(f"{{ service: {_quoted(subjects.command(leaf.site))} }}")
    limits = f"{{ stream: {{ account: {_quoted(REPORT)}, subject: {_quoted(subjects.limit(leaf.site))} }} }}"
    return [*_list("exports", exports), *_list("imports", [limits])]


def _report(leaf: Leaf, tenant: str) -> list[str]:
    """Return the account that is connected to the cloud: nothing passes between it and the home but what is named."""
    imports = [f"{{ stream: {{ account: {_quoted(tenant)}, subject: {_quoted(subject)} }} }}" for subject in TELEMETRY]
    if not leaf.controlled:
        return _block(_quoted(REPORT), _list("imports", imports))
    commands = subjects.command(leaf.site)
    imports.append(f"{{ service: {{ account: {_quoted(tenant)}, subject: {_quoted(commands)} }} }}")
    exports = [f"{{ stream: {_quoted(subjects.limit(leaf.site))} }}"]
    return _block(_quoted(REPORT), [*_list("exports", exports), *_list("imports", imports)])
