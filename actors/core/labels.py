"""Labels: the names of categories, sections, rows, seats, areas, resources, price types, channels and the like.

A label is 1 to 32 printable characters in Unicode's composed form, without "/" (it parts section, row and seat) and
without space at either end.
"""

from unicodedata import is_normalized

MAX_LABEL_LENGTH = 32


def label_problem(text: str) -> str | None:
    """What keeps `text` from being a label, or None."""
    if not 1 <= len(text) <= MAX_LABEL_LENGTH:
        return f"must have 1 to {MAX_LABEL_LENGTH} characters, has {len(text)}"
    if not text.isprintable():
        return "must have printable characters only"
    if "/" in text:
        return 'must not contain "/"'
    if text != text.strip():
        return "must not begin or end with a space"
    if not is_normalized("NFC", text):
        return "must be in Unicode's composed form (NFC)"
    return None
