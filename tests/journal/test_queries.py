"""Named queries in `.sql` files."""

from pathlib import Path

import pytest

from actors.database.queries import load_queries


def test_each_statement_is_found_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "some.sql"
    file.write_text("-- about this file\n-- name: one\n-- why\nselect 1;\n\n-- name: two\nselect\n  2\n")
    assert load_queries(file) == {"one": "-- why\nselect 1", "two": "select\n  2"}


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "some.sql"
    file.write_text("-- name: one\nselect 1;\n-- name: one\nselect 2;\n")
    with pytest.raises(ValueError, match="two queries one"):
        load_queries(file)
