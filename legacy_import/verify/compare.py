"""Walk through both databases side by side, in the order of the old ids, and account for every old row.

Both sides are read as a stream or some rows at a time, so the memory needed does not grow with the databases, but for
eight bytes per old row that did not arrive.
"""

from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from legacy_import.source.prefetch import prefetched
from legacy_import.verify import new
from legacy_import.verify.accounts import activity_of, joined_fits
from legacy_import.verify.dates import (
    EARLIEST,
    LATEST,
    Reading,
    beginnings_of,
    date_in_words,
    microseconds_of,
)
from legacy_import.verify.old import CANONICAL_LAYOUT, FollowGroup, OldDatabase, OldTable, OldValue
from legacy_import.verify.passwords import password_fits
from legacy_import.verify.report import TableVerification, Verification
from legacy_import.verify.values import flags_of, is_mangled, moments_of, text_of, username_of
from MiniTwit.text_ids import old_id

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
RowsDone = Callable[[int], None]
OldRow = tuple[OldValue, ...]
Old = TypeVar("Old", bound=tuple[Any, ...])
NewRow = TypeVar("NewRow", bound=tuple[Any, ...])

ROWS_BETWEEN_PROGRESS = 20_000
PAIRS_AT_A_TIME = 5_000
USERS_AT_A_TIME, USERS_PER_THREAD = 2_000, 250
EXCERPT = 60  # characters of a text that an example quotes


def verify(
    source_path: Path,
    *,
    tables: Sequence[str] = ("user", "message", "follower"),
    layout: Mapping[str, OldTable] = CANONICAL_LAYOUT,
    label: str = "",
    on_progress: Progress | None = None,
) -> Verification:
    """Compare the old database with the new one, table by table. Writes nothing.

    Args:
        source_path: a SQLite file that no program writes to meanwhile.
        tables: which old tables to compare, by canonical name.
        layout: what the tables and columns are called in this file.
        label: what errors are to call the file, if not by its path.
        on_progress: called now and then with a table, the rows compared so far and the rows in all.

    Raises:
        SourceError: the file is not there, not SQLite, damaged, or lacks a table or a column.
    """
    verification = Verification()
    with OldDatabase(source_path, layout, label=label) as old, transaction.atomic():
        new.plan_for_all_rows()
        counts = {table: old.count(table) for table in tables}
        accounts = new.Accounts()
        for table in tables:
            reading = Reading(ZoneInfo(settings.LEGACY_TIME_ZONE), beginnings_of(map(text_of, old.dates(table))))
            comparison = COMPARISONS[table](table, counts[table], layout[table], accounts, reading)
            comparison.compare(old, _rows_done(on_progress, table, counts[table]))
            verification.tables[table] = comparison.settled()
    return verification


def _rows_done(on_progress: Progress | None, table: str, total: int) -> RowsDone:
    """What the comparison of a table calls with the number of rows compared so far."""
    return (lambda done: None) if on_progress is None else (lambda done: on_progress(table, done, total))


def _reported(rows: Iterable[OldRow], on_rows: RowsDone) -> Generator[OldRow, None, None]:
    """Pass the rows on, and report how many those are."""
    done = 0
    for done, row in enumerate(rows, start=1):
        if done % ROWS_BETWEEN_PROGRESS == 0:
            on_rows(done)
        yield row
    on_rows(done)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def _side_by_side(old_rows: Iterable[Old], new_rows: Iterator[NewRow]) -> Iterator[tuple[Old, NewRow | None]]:
    """Give each old row (place, old id, …) its new counterpart (old id, …); both sides are sorted by the old id.

    A second old row of the same id gets none, for only the first can have arrived.
    """
    counterpart = next(new_rows, None)
    for old_row in old_rows:
        number = old_row[1]
        if not isinstance(number, int):
            yield old_row, None
            continue
        while counterpart is not None and counterpart[0] < number:
            counterpart = next(new_rows, None)
        if counterpart is not None and counterpart[0] == number:
            yield old_row, counterpart
            counterpart = next(new_rows, None)
        else:
            yield old_row, None


class Comparison:
    """One table of both databases, walked through side by side.

    Args:
        rows: how many the old table has. layout: what it and its columns are called.
        reading: how its dates are read.
    """

    def __init__(self, table: str, rows: int, layout: OldTable, accounts: new.Accounts, reading: Reading) -> None:
        self.table = table
        self.layout = layout
        self.accounts = accounts
        self.last_import = new.LastImport(table)
        self.report = TableVerification(legacy=rows)
        self.absent = array("q")
        self.reading = reading

    def compare(self, old: OldDatabase, on_rows: RowsDone) -> None:
        """Compare all rows.

        Args:
            on_rows: called now and then, and at the end, with the number of rows compared so far.
        """
        raise NotImplementedError

    def differs(self, old_row: OldRow, number: int, import_run: int | None, differences: list[str]) -> None:
        """Account for a new row that is not what the old row says.

        The last import may have refused it as it now is in the old database, or may have left it alone by choice: it
        has counted those, and a row that it brought itself is none of them.
        """
        report = self.report
        if self.last_import.refused(_position(old_row[0])):
            report.arrived -= 1
            report.rejected += 1
        elif import_run != self.last_import.run and report.kept < self.last_import.kept:
            report.kept += 1
        else:
            report.add_altered(f"{self.table.title()} {old_id(self.table, number)}: {'; '.join(differences)}.")

    def settled(self) -> TableVerification:
        """The report, after the rows that were refused were told from those that are missing."""
        for position in _ascending(self.absent):
            if self.last_import.refused(position):
                self.report.rejected += 1
            else:
                self.report.add_missing(
                    f"Row {position} of the old table {self.table} is neither here nor among the rows that were "
                    "rejected."
                )
        return self.report


class UserComparison(Comparison):
    def compare(self, old: OldDatabase, on_rows: RowsDone) -> None:
        """Some users at a time, by several threads: a password that was kept in clear is hashed once more."""
        with (
            closing(_reported(old.rows("user"), on_rows)) as old_rows,
            closing(new.users()) as new_rows,
            ThreadPoolExecutor() as pool,
        ):
            for batch in _batches(_side_by_side(old_rows, new_rows), USERS_AT_A_TIME):
                parts = [batch[start : start + USERS_PER_THREAD] for start in range(0, len(batch), USERS_PER_THREAD)]
                differences = chain.from_iterable(pool.map(self.differences_of_all, parts))
                for (old_row, user), found in zip(batch, differences, strict=True):
                    if user is None:
                        self.absent.append(_position(old_row[0]))
                        continue
                    self.report.arrived += 1
                    if found:
                        self.differs(old_row, user.legacy_id, user.import_run, found)

    def differences_of_all(self, pairs: list[tuple[OldRow, new.NewUser | None]]) -> list[list[str]]:
        """Say for each user, value by value, what is not as the old row has it."""
        return [[] if user is None or user.changed_at else self.differences(old_row, user) for old_row, user in pairs]

    def differences(self, old_row: OldRow, user: new.NewUser) -> list[str]:
        _, _, username, email, pw_hash, active, joined = old_row
        if user.merged and user.import_run != self.last_import.run:
            return []  # it stays merged, whatever either of the two is called now
        differences = []
        if username_of(username) != user.username:
            differences.append(_quote("username", username, user.username))
        if user.merged:
            return differences
        if text_of(email) != user.email:
            differences.append(_quote("e-mail", email, user.email))
        if not password_fits(text_of(pw_hash), mangled=is_mangled(pw_hash), new=user.password):
            differences.append("the password is not what the old one becomes")
        if user.is_active not in activity_of(active, self.layout, self.layout.columns[4]):
            state = "active" if user.is_active else "not active"
            differences.append(f"by the old value {_excerpt(text_of(active))} the account should not be {state} here")
        joined_now = None if user.date_joined is None else microseconds_of(user.date_joined)
        if not joined_fits(joined, joined_now, self.reading):
            words = "not known" if joined_now is None else date_in_words(joined_now)
            differences.append(_quote("date of the account", joined, words))
        if user.is_staff or user.is_superuser:
            differences.append("the account is staff or superuser, which no imported account may be")
        return differences


class MessageComparison(Comparison):
    def compare(self, old: OldDatabase, on_rows: RowsDone) -> None:
        """By lines where the old table lies in the order of its ids; what is different is looked at row by row."""
        blocks = old.message_blocks(self.accounts.primary_key)
        if blocks is None:
            with closing(_reported(old.rows("message"), on_rows)) as old_rows:
                self.compare_rows(old_rows, new.messages())
            return
        done = 0
        with closing(prefetched(blocks)) as read_ahead:
            for block in read_ahead:
                ids = block.different(*new.message_lines(block))
                self.report.arrived += block.rows - len(ids)
                if ids:
                    self.compare_rows(old.rows("message", ids), new.messages(ids))
                done += block.rows
                on_rows(done)
        on_rows(done)

    def compare_rows(self, old_rows: Iterable[OldRow], new_rows: Generator[new.NewMessage, None, None]) -> None:
        with closing(new_rows):
            for old_row, message in _side_by_side(old_rows, new_rows):
                if message is None and self.accounts.is_erased(old_row[2]):
                    self.report.arrived += 1
                    continue
                if message is None:
                    self.absent.append(_position(old_row[0]))
                    continue
                self.report.arrived += 1
                changed_at = message[-1]
                if changed_at or _plainly_the_same(old_row, message, self.accounts):
                    continue
                if differences := self.differences(old_row, message):
                    self.differs(old_row, message[0], message[-2], differences)

    def differences(self, old_row: OldRow, message: new.NewMessage) -> list[str]:
        """Say, value by value, what is not as the old row has it."""
        _, _, author, text, pub_date, flagged = old_row
        _, author_here, text_here, pub_date_here, flagged_here, _, _ = message
        differences = []
        if self.accounts.primary_key(author) != author_here:
            differences.append(f"the author was {_excerpt(text_of(author))} and is another account here")
        if text_of(text) != text_here:
            differences.append(_quote("text", text, text_here))
        if pub_date_here not in moments_of(pub_date, self.reading):
            differences.append(_quote("date", pub_date, date_in_words(pub_date_here)))
        if flagged_here not in flags_of(flagged):
            differences.append(_quote("flag", flagged, int(flagged_here)))
        return differences


def _plainly_the_same(old_row: OldRow, message: new.NewMessage, accounts: new.Accounts) -> bool:
    """The quick way for the many rows without a quirk; a no only says that a closer look is needed."""
    _, _, author, text, pub_date, flagged = old_row
    _, author_here, text_here, pub_date_here, flagged_here, _, _ = message
    return (
        type(pub_date) is int
        and EARLIEST <= pub_date < LATEST
        and pub_date * 1_000_000 == pub_date_here
        and flagged == flagged_here
        and type(text) is bytes
        and text == text_here.encode()
        and accounts.primary_key(author) == author_here
    )


class FollowComparison(Comparison):
    """A follow has nothing but its two ends. Of a pair that has arrived, every repetition counts as arrived."""

    def compare(self, old: OldDatabase, on_rows: RowsDone) -> None:
        """By the lists of those that each account follows, where the old table has row ids; others pair by pair."""
        groups = old.follow_groups()
        if groups is None:
            with closing(_reported(old.rows("follower"), on_rows)) as old_rows:
                for rows in _batches(old_rows, PAIRS_AT_A_TIME):
                    self.compare_pairs(rows)
            return
        for places in _batches(self.places_of_others(groups, on_rows), PAIRS_AT_A_TIME):
            self.compare_pairs(old.rows("follower", places))

    def places_of_others(self, groups: Iterable[FollowGroup], on_rows: RowsDone) -> Iterator[int]:
        """Account for the groups that the target has whole; yield the places of the rows of all others."""
        done, told = 0, 0
        with closing(new.follow_groups()) as new_groups:
            for (places, _, whoms, rows), here in _side_by_side(groups, new_groups):
                followed = (whoms or b"").split()
                if here is not None and len(followed) == rows and here[1].issuperset(followed):
                    self.report.arrived += rows
                else:
                    yield from map(int, places.split())
                done += rows
                if done >= told + ROWS_BETWEEN_PROGRESS:
                    on_rows(told := done)
        on_rows(done)

    def compare_pairs(self, old_rows: Iterable[OldRow]) -> None:
        """Look for each follow by its two accounts, which may have been merged into others."""
        pairs: list[tuple[int, int, int]] = []
        for position, who, whom in old_rows:
            ends = self.accounts.old_id(who), self.accounts.old_id(whom)
            if self.accounts.is_erased(who, whom):
                self.report.arrived += 1
            elif ends[0] is None or ends[1] is None:
                self.absent.append(_position(position))
            else:
                pairs.append((_position(position), ends[0], ends[1]))
        arrived = new.follows_among([(who, whom) for _, who, whom in pairs]) if pairs else set()
        for position, who, whom in pairs:
            if (who, whom) in arrived:
                self.report.arrived += 1
            else:
                self.absent.append(position)


COMPARISONS: dict[str, type[Comparison]] = {
    "user": UserComparison,
    "message": MessageComparison,
    "follower": FollowComparison,
}


def _ascending(positions: "array[int]") -> Iterable[int]:
    """Sort only what is not sorted: a list of whole numbers takes five times an array's memory."""
    return positions if all(a < b for a, b in pairwise(positions)) else sorted(positions)


def _position(value: OldValue) -> int:
    """A row id, which SQLite always gives as a whole number."""
    assert isinstance(value, int)  # noqa: S101
    return value


def _quote(what: str, old: OldValue, new_value: object) -> str:
    """Say briefly what a value was and what it is in the new database."""
    return f"the {what} was {_excerpt(text_of(old))} and is {_excerpt(str(new_value))} here"


def _excerpt(text: str) -> str:
    short = text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
    return f"“{short}”"
