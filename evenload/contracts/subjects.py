"""Every subject of the bus, built here and nowhere else.

Names of sites, loads, circuits and meters are safe in subjects as they are; station ids and other free text are
written with each byte outside [A-Za-z0-9_-] as =XX.
"""

SITES, OVERRIDES, STATIONS, OWNERS, MEMORY, EPOCHS = "sites", "overrides", "stations", "owners", "memory", "epochs"
TAGS = "tags"
TAG_KEY = "gateway.tag_key"
"""Key in bucket `stations`: the secret that hashes id tags."""
PLANS, DEVICES = "plans", "devices"
READERS, SWITCHERS, PLANNERS = "readers", "switchers", "planners"
"""Buckets: which replica of meter_ingest, plug_control and planner has which sites."""


def token(text: str) -> str:
    """Return `text` as one subject token or bucket key; the empty text becomes `=`."""
    encoded = "".join(
        chr(byte) if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "_-") else f"={byte:02X}"
        for byte in text.encode()
    )
    return encoded or "="


def station_key(station: str) -> str:
    """Return the bucket key of a station id; ids are compared without case."""
    return token(station.lower())


def reading(site: str = "*", meter: str = "*") -> str:
    """Subject of `MeterReading`; the defaults match all."""
    return f"evenload.site.{site}.reading.{meter}"


def load_state(site: str = "*", load: str = "*") -> str:
    """Subject of `LoadState`."""
    return f"evenload.site.{site}.load.{load}.state"


def setpoint(site: str = "*", load: str = "*") -> str:
    """Subject of `Setpoint`."""
    return f"evenload.site.{site}.load.{load}.setpoint"


def result(site: str = "*", load: str = "*") -> str:
    """Subject of `SetpointResult`."""
    return f"evenload.site.{site}.load.{load}.result"


def decision(site: str = "*") -> str:
    """Subject of `Decision`."""
    return f"evenload.site.{site}.decision"


def basis(site: str = "*") -> str:
    """Subject of `Basis`."""
    return f"evenload.site.{site}.basis"


def limit(site: str = "*", source: str = "*") -> str:
    """Subject of `SiteLimit`."""
    return f"evenload.site.{site}.limit.{source}"


def limit_record(site: str = "*", source: str = "*") -> str:
    """Subject of `LimitRecord`."""
    return f"evenload.site.{site}.limit_record.{source}"


def forecast(site: str = "*", kind: str = "*") -> str:
    """Subject of `Forecast`."""
    return f"evenload.site.{site}.forecast.{kind}"


def load_plan(site: str = "*", load: str = "*") -> str:
    """Subject of `LoadPlan`."""
    return f"evenload.site.{site}.load.{load}.plan"


def alert(site: str, kind: str, about: str) -> str:
    """Subject of `Alert` for one kind and object."""
    return f"evenload.site.{site}.alert.{kind}.{token(about)}"


def alerts(site: str = "*") -> str:
    """All alerts of a site."""
    return f"evenload.site.{site}.alert.>"


def transaction(site: str, station: str) -> str:
    """Subject of a station's transaction events."""
    return f"evenload.site.{site}.transaction.{token(station)}"


def transactions(site: str = "*") -> str:
    """All transaction events of a site."""
    return f"evenload.site.{site}.transaction.>"


def command(site: str = "*", name: str = "*") -> str:
    """Subject of a command to a site, answered by its owning allocator."""
    return f"evenload.site.{site}.command.{name}"


def station_call(station: str) -> str:
    """Subject of a call to a station, answered by the gateway that holds its session."""
    return f"evenload.station.{station_key(station)}.call"


def station_calls() -> str:
    """Calls to any station."""
    return "evenload.station.*.call"
