"""Which replica of a service has which sites: every process that lives computes the same answer. Pure.

Each process keeps one key alive in its service's bucket (5 s, renewed every 1.5 s). A site belongs to the live process
with the highest hash of (process, site): when one comes or goes, only its share moves. An allocator that takes a site
over raises the site's epoch by compare-and-set; consumers drop setpoints of a lower epoch, so two owners can never both
be obeyed.
"""

import hashlib
from collections.abc import Iterable

LEASE_S = 5.0
RENEW_S = 1.5


def owner_of(site: str, processes: Iterable[str]) -> str | None:
    """Return the process that has `site`; None when nobody lives."""
    return max(processes, key=lambda process: (_weight(process, site), process), default=None)


def owned(process: str, processes: Iterable[str], sites: Iterable[str]) -> set[str]:
    """Return the sites that belong to `process`."""
    alive = sorted({*processes, process})
    return {site for site in sites if owner_of(site, alive) == process}


def _weight(process: str, site: str) -> bytes:
    return hashlib.blake2b(f"{process}\0{site}".encode(), digest_size=8).digest()
