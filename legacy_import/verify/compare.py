"""Walk through both databases side by side, in the order of the old ids, and account for every old row.

Both sides come sorted and are read as a stream, so the memory needed does not grow with the databases, but for eight
bytes per old row that did not arrive.
"""

import math
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

from legacy_import.verify import new
from legacy_import.verify.dates import EARLIEST, LATEST, date_in_words
from legacy_import.verify.old import CANONICAL_LAYOUT, OldDatabase, OldTable, OldValue
from legacy_import.verify.passwords import password_fits
from legacy_import.verify.report import TableVerification, Verification
from legacy_import.verify.values import flags_of, is_mangled, moments_of, text_of, username_fits

Progress = Callable[[str, int, int], None]
OldRow = tuple[OldValue, ...]
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
    progress: Progress | None = None,
) -> Verification:
    """Compare the old database with what is here, table by table. Writes nothing.

    Args:
        source_path: a SQLite file that nobody writes to meanwhile.
        tables: which old tables to compare, by canonical name.
        layout: what the tables and columns are called in this file.
        label: what errors are to call the file, if not by its path.
        progress: called now and then with a table, the rows compared so far and the rows in all.

    Raises:
        SourceError: the file is not there, not SQLite, damaged, or lacks a table or a column.
    """
    verification = Verification()
    with OldDatabase(source_path, layout, label=label) as old, transaction.atomic():
        new.plan_for_all_rows()
        counts = {table: old.count(table) for table in tables}
        accounts = new.Accounts()
        for table in tables:
            report = TableVerification(legacy=counts[table])
            absent = array("q")
            with closing(_reported(old.rows(table), table, counts[table], progress)) as rows:
                COMPARISONS[table](rows, report, absent, accounts)
            _settle_absent(table, report, absent)
            verification.tables[table] = report
    return verification


def _reported(
    rows: Iterable[OldRow], table: str, total: int, progress: Progress | None
) -> Generator[OldRow, None, None]:
    """Pass the rows on, and tell how far they are."""
    done = 0
    for done, row in enumerate(rows, start=1):
        if progress and done % ROWS_BETWEEN_PROGRESS == 0:
            progress(table, done, total)
        yield row
    if progress:
        progress(table, done, total)


def _side_by_side(old_rows: Iterable[OldRow], new_rows: Iterator[NewRow]) -> Iterator[tuple[OldRow, NewRow | None]]:
    """Give each old row (row id, old id, …) its counterpart here (old id, …); both sides are sorted by the old id.

    A second old row of the same id gets none, for only the first can have arrived.
    """
    counterpart = next(new_rows, None)
    for old_row in old_rows:
        old_id = old_row[1]
        if not isinstance(old_id, int):
            yield old_row, None
            continue
        while counterpart is not None and counterpart[0] < old_id:
            counterpart = next(new_rows, None)
        if counterpart is not None and counterpart[0] == old_id:
            yield old_row, counterpart
            counterpart = next(new_rows, None)
        else:
            yield old_row, None


def _compare_users(
    old_rows: Iterable[OldRow], report: TableVerification, absent: "array[int]", _accounts: new.Accounts
) -> None:
    """Some users at a time, by several threads: a password that was kept in clear is hashed once more."""
    with closing(new.users()) as new_rows, ThreadPoolExecutor() as pool:
        pairs = _side_by_side(old_rows, new_rows)
        while batch := list(islice(pairs, USERS_AT_A_TIME)):
            parts = [batch[start : start + USERS_PER_THREAD] for start in range(0, len(batch), USERS_PER_THREAD)]
            differences = chain.from_iterable(pool.map(_differences_of_users, parts))
            for (old_row, user), found in zip(batch, differences, strict=True):
                if user is None:
                    absent.append(_position(old_row[0]))
                    continue
                report.arrived += 1
                if found:
                    report.add_altered(f"User {old_row[1]!r}: {'; '.join(found)}.")


def _differences_of_users(pairs: list[tuple[OldRow, new.NewUser | None]]) -> list[list[str]]:
    """Say for each user, value by value, what is not as the old row has it."""
    return [[] if user is None or user.changed_at else _user_differences(old_row, user) for old_row, user in pairs]


def _user_differences(old_row: OldRow, user: new.NewUser) -> list[str]:
    _, _, username, email, pw_hash = old_row
    differences = []
    if not username_fits(username, user.username):
        differences.append(_quote("username", username, user.username))
    if user.merged:
        return differences
    if text_of(email) != user.email:
        differences.append(_quote("e-mail", email, user.email))
    if not password_fits(text_of(pw_hash), mangled=is_mangled(pw_hash), new=user.password):
        differences.append("the password is not what the old one becomes")
    if user.is_staff or user.is_superuser:
        differences.append("the account is staff or superuser, which no imported account may be")
    return differences


def _compare_messages(
    old_rows: Iterable[OldRow], report: TableVerification, absent: "array[int]", accounts: new.Accounts
) -> None:
    zone = ZoneInfo(settings.LEGACY_TIME_ZONE)
    with closing(new.messages()) as new_rows:
        for old_row, message in _side_by_side(old_rows, new_rows):
            if message is None and accounts.is_erased(old_row[2]):
                report.arrived += 1
                continue
            if message is None:
                absent.append(_position(old_row[0]))
                continue
            report.arrived += 1
            changed_at = message[-1]
            if changed_at or _plainly_the_same(old_row, message, accounts):
                continue
            if differences := _differences(old_row, message, accounts, zone):
                report.add_altered(f"Message {message[0]}: {'; '.join(differences)}.")


def _plainly_the_same(old_row: OldRow, message: new.NewMessage, accounts: new.Accounts) -> bool:
    """The quick way for the many rows without a quirk; a no only says that a closer look is needed."""
    _, _, author, text, pub_date, flagged = old_row
    _, author_here, text_here, pub_date_here, flagged_here, _ = message
    return (
        type(pub_date) is int
        and EARLIEST <= pub_date < LATEST
        and pub_date * 1_000_000 == pub_date_here
        and flagged == flagged_here
        and type(text) is bytes
        and text == text_here.encode()
        and accounts.primary_key(author) == author_here
    )


def _differences(old_row: OldRow, message: new.NewMessage, accounts: new.Accounts, zone: ZoneInfo) -> list[str]:
    """Say, value by value, what is not as the old row has it."""
    _, _, author, text, pub_date, flagged = old_row
    _, author_here, text_here, pub_date_here, flagged_here, _ = message
    differences = []
    if accounts.primary_key(author) != author_here:
        differences.append(f"the author was {_excerpt(text_of(author))} and is another account here")
    if text_of(text) != text_here:
        differences.append(_quote("text", text, text_here))
    if pub_date_here not in moments_of(pub_date, zone):
        differences.append(_quote("date", pub_date, date_in_words(pub_date_here)))
    if flagged_here not in flags_of(flagged):
        differences.append(_quote("flag", flagged, int(flagged_here)))
    return differences


def _compare_follows(
    old_rows: Iterable[OldRow], report: TableVerification, absent: "array[int]", accounts: new.Accounts
) -> None:
    """A follow has nothing but its two ends, so it is here or not; every repetition of a pair that is here is."""
    aside: list[tuple[int, int, int]] = []
    with closing(new.follows()) as new_rows:
        here = next(new_rows, None)
        for position, who, whom in old_rows:
            ends = accounts.old_id(who), accounts.old_id(whom)
            if accounts.is_erased(who, whom):
                report.arrived += 1
            elif ends[0] is None or ends[1] is None:
                absent.append(_position(position))
            elif ends != (who, whom):
                # Another account stands for one of the ends, so the pair has left the order of the streams.
                aside.append((_position(position), ends[0], ends[1]))
                if len(aside) >= PAIRS_AT_A_TIME:
                    _look_up_follows(aside, report, absent)
            else:
                while here is not None and here < ends:
                    here = next(new_rows, None)
                if here == ends:
                    report.arrived += 1
                else:
                    absent.append(_position(position))
    _look_up_follows(aside, report, absent)


def _look_up_follows(aside: list[tuple[int, int, int]], report: TableVerification, absent: "array[int]") -> None:
    """Settle the follows that were set aside, and empty the list."""
    here = new.follows_among([(who, whom) for _, who, whom in aside]) if aside else set()
    for position, who, whom in aside:
        if (who, whom) in here:
            report.arrived += 1
        else:
            absent.append(position)
    aside.clear()


COMPARISONS = {"user": _compare_users, "message": _compare_messages, "follower": _compare_follows}


def _settle_absent(table: str, report: TableVerification, absent: "array[int]") -> None:
    """Tell the rows that were refused from those that are missing."""
    rejected = iter(new.rejected_positions(table)) if absent else iter(())
    refused = next(rejected, math.inf)
    for position in _ascending(absent):
        while refused < position:
            refused = next(rejected, math.inf)
        if refused == position:
            report.rejected += 1
        else:
            report.add_missing(
                f"Row {position} of the old table {table} is neither here nor among the rows that were rejected."
            )


def _ascending(positions: "array[int]") -> Iterable[int]:
    """Sort only what is not sorted: a list of whole numbers takes five times an array's memory."""
    return positions if all(a < b for a, b in pairwise(positions)) else sorted(positions)


def _position(value: OldValue) -> int:
    """A row id, which SQLite always gives as a whole number."""
    assert isinstance(value, int)  # noqa: S101
    return value


def _quote(what: str, old: OldValue, here: object) -> str:
    """Say what a value was and what it is here, briefly."""
    return f"the {what} was {_excerpt(text_of(old))} and is {_excerpt(str(here))} here"


def _excerpt(text: str) -> str:
    short = text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
    return f"“{short}”"
