"""Whether the rows of a statement whose line was cut had landed, by what they come to when they are sent again."""

import asyncio
import struct

_BIND = b"B"
_APPEND_PARAMETERS = 9
_BLOCKS, _CHAINS = 0, 6  # see `append` in `actors/journal/sql/journal.sql`


class Resent:
    """The rows of a cut statement; `landed` is set when they were sent again and that was answered.

    `lacks_commit`: the word at which Postgres commits them was not sent on.

    An append answers with the blocks whose rows it has put in: a row that is there already is none of them.
    """

    def __init__(self, statement: bytes) -> None:
        parameters = bound(statement)
        is_append = len(parameters) == _APPEND_PARAMETERS
        self.blocks = elements(parameters[_BLOCKS]) if is_append else []
        self._chains = elements(parameters[_CHAINS]) if is_append else []
        self.lacks_commit = False
        self.landed: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def is_in(self, statement: bytes) -> bool:
        """Whether these rows are what is sent here."""
        return bool(self._chains) and all(chain in statement for chain in self._chains)

    def meet(self, answer: bytes) -> None:
        """What Postgres has answered to the same rows."""
        if not self.landed.done():
            self.landed.set_result(sum(block not in answer for block in self.blocks))


def bound(statement: bytes) -> list[bytes]:
    """The parameters of a statement that begins with a Bind of binary ones; none of any other."""
    if statement[:1] != _BIND:
        return []
    at = statement.index(0, statement.index(0, 5) + 1) + 1  # behind the portal's name and the statement's
    (format_count,) = struct.unpack_from("!h", statement, at)
    at += 2 + 2 * format_count
    (count,) = struct.unpack_from("!h", statement, at)
    at += 2
    found = []
    for _ in range(count):
        (size,) = struct.unpack_from("!i", statement, at)
        at += 4
        found.append(statement[at : at + max(size, 0)])
        at += max(size, 0)
    return found


def elements(array: bytes) -> list[bytes]:
    """Of an array of one dimension, in binary; none of one that is empty."""
    (dimensions,) = struct.unpack_from("!i", array)
    found: list[bytes] = []
    at = 20  # behind dimensions, whether there are nulls, the kind of element, their number, the lowest index
    while dimensions and at < len(array):
        (size,) = struct.unpack_from("!i", array, at)
        found.append(array[at + 4 : at + 4 + size])
        at += 4 + size
    return found
