"""A change in Home Assistant → the command that it means. Pure."""

import re

import msgspec

from evenload.contracts.commands import SetDistribution, SetLimit, SetMode, SetPriority, SetTarget, SiteCommand

BY = "home assistant"
_LOAD = re.compile(r"evenload/(?P<site>[a-z0-9_-]{1,48})/load/(?P<load>[a-z0-9_-]{1,48})/(?P<key>\w+)/set")
_SITE = re.compile(r"evenload/(?P<site>[a-z0-9_-]{1,48})/distribution/set")


def command_of(topic: str, payload: bytes) -> SiteCommand:
    """Return the command of a message; raise `ValueError` for one that means none."""
    text = payload.decode("utf-8", errors="replace").strip()
    of_site, of_load = _SITE.fullmatch(topic), _LOAD.fullmatch(topic)
    try:
        if of_site is not None:
            return msgspec.convert({"site": of_site["site"], "by": BY, "distribution": text, "type": "SetDistribution"},
                                   SetDistribution)  # fmt: skip
        if of_load is not None:
            return _of_load(of_load["site"], of_load["load"], of_load["key"], text=text)
    except msgspec.ValidationError as fault:
        raise ValueError(f"{topic} {text!r}: {fault}") from fault
    raise ValueError(f"{topic} is no command")


def _of_load(site: str, load: str, key: str, *, text: str) -> SiteCommand:
    whole = {"site": site, "by": BY, "load": load}
    if key == "mode":
        return msgspec.convert({**whole, "mode": text, "type": "SetMode"}, SetMode)
    if key == "priority":
        return msgspec.convert({**whole, "priority": float(text), "type": "SetPriority"}, SetPriority, strict=False)
    if key == "max_a":
        return msgspec.convert({**whole, "max_a": float(text), "type": "SetLimit"}, SetLimit)
    if key == "target_c":
        return msgspec.convert({**whole, "target_c": float(text), "type": "SetTarget"}, SetTarget)
    raise ValueError(f"{key} cannot be set")
