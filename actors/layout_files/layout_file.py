"""Layout files: what a person writes as YAML or JSON, read into a `Layout` whole or refused whole.

    currency: EUR
    price_types: [Adult, Child, Member]              # may be left out: there is one, without a name
    categories:
      - {name: Lower bowl, price: 9500, prices: {Child: 4000}}   # in minor units; `price` is the first type's
      - {name: Standing, price: 5500}
      - {name: Court, price: 2400}                               # of a resource: per hour
    fees:                                            # on top, rounded to the minor unit for each unit
      - {name: Booking fee, amount: 150}
      - {name: Service, percent: "7.5"}              # of the unit's price
      - {name: Order fee, amount: 300, per: order}   # once for whatever is held together
    tax: {name: VAT, percent: "19", included: true}  # on prices and fees; included in them, or on top
    focus: [0, -4]                                   # seats are the better the nearer they are to it
    sections:
      - name: "101"                                  # labels are text: numbers stand in quotes
        category: Lower bowl                         # of every row and table that does not name its own
        at: [-12.5, 0]                               # the middle of its first row
        rows:
          - {names: A..T, seats: 1..22}              # twenty rows of the seats 1 to 22, both ends included
          - {name: Box, seats: ["1", "2", "2A"]}     # or labels one by one
          - {names: U..V, seats: 1..22, accessible: ["1", "22"], companions: ["2", "21"]}
        tables:
          - {names: Table 1..10, seats: 1..8, sold: whole}   # all seats or none; by_seat: each on its own
    areas:
      - {name: Floor, capacity: 4000, category: Standing}
    resources:
      - names: Court 1..12                           # or `name: Court 1`, or a list of names
        category: Court
        zone: Europe/Berlin
        from: 2026-10-01                             # the first day and the last
        until: 2026-11-29
        slot_minutes: 30
        buffer_minutes: 0                            # what stays unsold between two holds
        hours: {mon-fri: 08:00-22:00, sat: [09:00-12:00, 13:00-20:00], sun: 20:00-02:00}
        unavailable:
          - {from: 2026-10-03, until: 2026-10-03}    # days, to their end, or local times
          - {from: 2026-11-01T08:00, until: 2026-11-01T12:00}

`sections`, `areas` or `resources` may be left out, not all. Names are unique: categories, price types and fees each
among themselves; sections, areas and resources together; rows and tables within their section; seats within their row.
Places and the focus are (x, y) in seat widths, halves included; a row stands a seat width behind the one before, and
tables stand behind the rows. Percentages have up to four digits after the point and are exact, as numbers or as text.
The bounds keep the work small, whatever is sent. Labels and ranges: see `labels` and `label_ranges`.

**Slots.** Hours are local times of the zone, by weekday; closing is on the next day if it is not after opening (24:00
is midnight), and hours may not go on into each other. Slots follow each other from each opening on, exactly as long as
they are said to be; what is left before closing is not sold, nor is a slot of which any part is unavailable. A day has
23 or 25 hours when the clock changes, and hours that the change falls into have slots accordingly. A local time that
comes twice means the first; one that is left out means the moment of the jump. Instead of from, until, hours and
unavailable, a resource may list its `openings`, in whole seconds with their distance from UTC; slots are named in
local time of the zone all the same:

        openings: [{from: "2026-10-01T08:00+02:00", until: "2026-10-01T22:00+02:00"}]
"""

from collections.abc import Iterator

from actors.core.layout import MAX_AREAS, MAX_UNITS, Area, Layout
from actors.layout_files.faults import FieldFault
from actors.layout_files.fields import Fields
from actors.layout_files.price_fields import read_categories, read_currency, read_fees, read_price_types, read_tax
from actors.layout_files.reading import Reading, claim
from actors.layout_files.resource_fields import read_resources
from actors.layout_files.seat_fields import read_place, read_sections

_FIELDS = ("currency", "price_types", "categories", "fees", "tax", "focus", "sections", "areas", "resources")


def parse_layout(raw: object) -> Layout | tuple[FieldFault, ...]:
    """The layout that a decoded file (mappings, lists, scalars) describes, or everything that is wrong with it.

    Placeholders stand for what is faulty; see `fields`.
    """
    reading = Reading()
    fields = Fields(raw, "", _FIELDS, reading.faults)
    currency = read_currency(fields)
    price_types = read_price_types(reading, fields)
    categories = tuple(read_categories(reading, fields))
    fees = tuple(read_fees(reading, fields))
    tax = read_tax(reading, fields)
    focus = read_place(fields, "focus") if fields.has("focus") else None
    sections = tuple(read_sections(reading, fields))
    areas = tuple(_areas(reading, fields))
    resources, calendars = read_resources(reading, fields)
    reading.note_overruns()
    if reading.unit_count == 0 and not reading.faults.found():
        reading.faults.add("", "has nothing to sell: give sections, areas or resources")
    layout = Layout(
        currency, categories, sections, areas, resources, calendars, price_types, fees, tax, focus
    )  # fmt: skip
    return reading.faults.found() or layout


def _areas(reading: Reading, fields: Fields) -> Iterator[Area]:
    for path, raw in fields.entries("areas", 0, MAX_AREAS):
        area = Fields(raw, path, ("name", "capacity", "category"), reading.faults)
        name = area.label("name")
        claim(reading.faults, reading.path_of_name, name, area.path_of("name"))
        capacity = area.whole_number("capacity", 1, MAX_UNITS)
        reading.unit_count += capacity
        yield Area(name, reading.category(area), capacity)
