"""The field that names a zone."""

from difflib import get_close_matches

from actors.core.labels import MAX_LABEL_LENGTH
from actors.layout_files.faults import FaultList, shown
from actors.layout_files.fields import Fields
from actors.layout_files.zones import zone_names


def read_zone(fields: Fields, faults: FaultList) -> str:
    """The zone that the field `zone` names; required, empty if faulty."""
    if not fields.require("zone"):
        return ""
    name = fields.value("zone")
    if isinstance(name, str) and name in zone_names():
        return name
    meant = ""
    if isinstance(name, str) and len(name) <= MAX_LABEL_LENGTH and not faults.full:
        near = get_close_matches(name, sorted(zone_names()), n=1)
        meant = f', did you mean "{near[0]}"?' if near else ""
    fields.refuse("zone", f"must be the name of a zone such as Europe/Berlin, is {shown(name)}{meant}")
    return ""
