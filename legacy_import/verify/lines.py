"""Messages as lines of text, which each of the two databases writes by itself, many at a time.

A message whose line is the same in both is the same message. That settles nearly all of them, and keeps two
processors busy. The others are looked at closely: see `compare`.
"""

from dataclasses import dataclass

from legacy_import.verify.dates import EARLIEST, LATEST

LINE_END = b"\x1e"

# The line of an old message: its id, its author's primary key here, the date in microseconds, the flag, the text. One
# with an unusual value has its id alone. (A column may be declared with a collation that SQLite does not know.)
OLD_LINE = f"""
CASE WHEN typeof({{author}}) = 'integer' AND typeof({{text}}) = 'text' AND typeof({{flagged}}) = 'integer'
    AND typeof({{pub_date}}) = 'integer' AND {{pub_date}} COLLATE BINARY BETWEEN {EARLIEST} AND {LATEST - 1}
    AND instr({{text}}, char(30)) = 0
THEN printf('%d %s %d000000 %d ', {{id}}, primary_key({{author}}), {{pub_date}}, {{flagged}}) || {{text}}
ELSE {{id}} END
"""
NEW_LINE = """
concat_ws(' ', legacy_id, author_id, (extract(epoch FROM pub_date) * 1000000)::bigint, flagged::int, text)
"""


@dataclass(frozen=True)
class Block:
    """Some old messages that follow each other.

    Attributes:
        first, last: their ids. rows: how many they are. lines: of each its line, joined.
    """

    first: int
    last: int
    rows: int
    lines: bytes

    def different(self, rows: int, lines: bytes) -> list[int]:
        """The ids of the old messages that have not the same line in the new database, in order.

        Args:
            rows: how many lines the new database has. lines: these, joined.
        """
        if lines == self.lines:
            return []
        here = set(lines.split(LINE_END))
        if len(here) != rows:  # a text holds the end of a line, so its parts could look like other messages
            here = set()
        return [int(line.partition(b" ")[0]) for line in self.lines.split(LINE_END) if line not in here]
