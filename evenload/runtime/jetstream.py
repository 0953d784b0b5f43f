"""JetStream as JSON: stream configurations from our specs, what differs, and what an answer means. Pure.

A bucket `b` is the stream `KV_b` with subjects `$KV.b.>` (NATS ADR-8), so every KV client can read it. Durations are
nanoseconds on the wire.
"""

from typing import Any

import msgspec

from evenload.runtime.bus import BucketSpec, BusError, BusTimeout, StreamSpec

NS_PER_S = 1_000_000_000
STREAM_NOT_FOUND = 10059
STREAM_EXISTS = 10058
NO_ROOM = 10047
WRONG_LAST_REVISION = (10071, 10164)
CHANGEABLE = (
    "subjects",
    "max_age",
    "max_bytes",
    "max_msgs_per_subject",
    "duplicate_window",
    "compression",
    "deny_purge",
    "deny_delete",
    "allow_direct",
    "subject_delete_marker_ttl",
    "allow_msg_ttl",
)


class ApiError(msgspec.Struct, frozen=True):
    """A refusal by JetStream."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class ApiAnswer(msgspec.Struct, frozen=True):
    """What the API and acknowledgements have in common."""

    error: ApiError | None = None
    config: dict[str, Any] | None = None
    seq: int = 0
    duplicate: bool = False
    num_pending: int = 0


_REMEDIES = {
    STREAM_NOT_FOUND: "run `evenload up`, or the provisioner",
    NO_ROOM: "make room on the server's disk, or raise its JetStream limits",
}
_ANSWER = msgspec.json.Decoder(ApiAnswer)


def read_answer(what: str, data: bytes) -> ApiAnswer:
    """Return the decoded answer; raise `BusError` when it is none."""
    try:
        return _ANSWER.decode(data)
    except msgspec.DecodeError as fault:
        raise BusError(what, f"unreadable answer of JetStream: {fault}") from fault


def failure(what: str, error: ApiError) -> BusError:
    """Return the exception that says what JetStream refused and what to do."""
    if error.code == 503:
        return BusTimeout(what, f"JetStream is not available: {error.description}", "see the server's /healthz")
    return BusError(what, error.description, _REMEDIES.get(error.err_code, ""))


def stream_config(spec: StreamSpec) -> dict[str, Any]:
    """Return the configuration of a declared stream.

    Writing without a sync each exists for one copy only; on a cluster such a stream is in the memory of each server.
    """
    unsynced = spec.sync == "async"
    config: dict[str, Any] = {
        "name": spec.name,
        "subjects": list(spec.subjects),
        "retention": "limits",
        "discard": "old",
        "storage": "memory" if unsynced and spec.replicas > 1 else spec.storage,
        "num_replicas": spec.replicas,
        "max_age": round((spec.max_age_s or 0) * NS_PER_S),
        "max_bytes": spec.max_bytes or -1,
        "max_msgs_per_subject": spec.per_subject or -1,
        "duplicate_window": round(_window_s(spec) * NS_PER_S),
        "deny_delete": spec.protected,
        "deny_purge": spec.protected,
        "allow_direct": True,
        "compression": "s2" if spec.compressed else "none",
    }
    return config | ({"persist_mode": "async"} if unsynced and spec.replicas == 1 else {})


def _window_s(spec: StreamSpec) -> float:
    return min(spec.duplicates_s, spec.max_age_s or spec.duplicates_s)


def bucket_config(spec: BucketSpec) -> dict[str, Any]:
    """Return the configuration of a declared bucket; with a time to live, expiry is told to watchers by a marker."""
    ttl_s = spec.ttl_s or 0.0
    config: dict[str, Any] = {
        "name": f"KV_{spec.name}",
        "subjects": [f"$KV.{spec.name}.>"],
        "retention": "limits",
        "discard": "new",
        "storage": spec.storage,
        "num_replicas": spec.replicas,
        "max_age": round(ttl_s * NS_PER_S),
        "max_bytes": -1,
        "max_msgs_per_subject": spec.history,
        "duplicate_window": round((min(ttl_s, 120.0) or 120.0) * NS_PER_S),
        "deny_delete": True,
        "allow_rollup_hdrs": True,
        "allow_direct": True,
    }
    if spec.ttl_s is not None:
        config |= {"allow_msg_ttl": True, "subject_delete_marker_ttl": max(NS_PER_S, config["max_age"])}
    return config


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys of `wanted` that the server has otherwise; a key it leaves out is its zero value."""
    return tuple(key for key, value in wanted.items() if _plain(found.get(key)) != _plain(value))


def _plain(value: Any) -> Any:
    return None if value in (0, False, "", "none", -1) else value


def changed(wanted: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return `found` with what may be changed safely taken from `wanted`."""
    return found | {key: value for key, value in wanted.items() if key in CHANGEABLE}
