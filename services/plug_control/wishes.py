"""What is set by hand for one load, as its core takes it. Pure."""

from evenload.contracts.records import OverrideRecord
from services.plug_control.core import Wish


def wish_of(load: str, record: OverrideRecord | None) -> Wish:
    """Return the newest mode and target of a load among a site's overrides."""
    wish = Wish()
    for item in record.items if record is not None else ():
        if item.load == load and item.mode is not None:
            wish = Wish(mode=item.mode, at=item.at, target_c=wish.target_c)
        if item.load == load and item.target_c is not None:
            wish = Wish(mode=wish.mode, at=wish.at, target_c=item.target_c)
    return wish
