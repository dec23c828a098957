"""Layouts and rules as they arrive with an event: JSON documents, judged as a whole, every fault named."""

import msgspec

from actors.core.layout import Layout
from actors.core.outcomes import Rejected
from actors.core.rules import Rules
from actors.layout_files.layout_file import parse_layout
from serve.layout_reader import LayoutFileError, decode_json
from serve.refusals import invalid
from serve.rules_document import read_rules
from serve.validation import is_said


def read_documents(layout: msgspec.Raw, rules: msgspec.Raw) -> tuple[Layout | None, Rules | None] | Rejected:
    """Both, or every fault of both; None for one that was left out. May take a second for a large layout."""
    read_layout = _read_layout(layout) if is_said(layout) else None
    read = read_rules(rules) if is_said(rules) else None
    refusals = [refusal for refusal in (read_layout, read) if isinstance(refusal, Rejected)]
    if refusals:
        return invalid(*(fault for refusal in refusals for fault in refusal.details.fields))
    assert not isinstance(read_layout, Rejected)
    assert not isinstance(read, Rejected)
    return read_layout, read


def _read_layout(document: msgspec.Raw) -> Layout | Rejected:
    try:
        raw = decode_json(bytes(document).decode())
    except UnicodeDecodeError:
        return invalid("layout: is not UTF-8")
    except LayoutFileError as error:
        return invalid(f"layout: {str(error).strip()}")
    layout = parse_layout(raw)
    if isinstance(layout, Layout):
        return layout
    return invalid(*(f"layout.{fault}" if fault.path else f"layout: {fault}" for fault in layout))
