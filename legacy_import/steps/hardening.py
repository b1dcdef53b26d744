"""Put a strong hash around every weak one that an old database brought, without knowing the passwords.

What is done is in the rows themselves: a run that was stopped is resumed by starting it again. None of it counts
as a change of an account, and a sign-in that comes in between wins.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import connection, transaction

from legacy_import.models import ImportRun, ReplacedRow
from legacy_import.rules.old_tables import USERS
from MiniTwit.database.session_settings import set_for_transaction
from MiniTwit.database.triggers import IMPORTING_SETTING
from MiniTwit.hashers import hardened, is_weak
from MiniTwit.models import User

THREADS = os.cpu_count() or 1
HARDENED_AT_A_TIME = 10 * THREADS  # some seconds' work: what is lost when it is stopped
READ_AT_A_TIME = 5_000
FORMER_PASSWORDS = 2**63 - 1  # the place behind all accounts

Password = tuple[int, str]  # of the row with this primary key


@dataclass
class Hardening:
    """What was found and done.

    Attributes:
        weak: weak passwords that were found, by algorithm.
        hardened: those that are strong now. The others were changed by their owners meanwhile.
        waiting: previews that wait for a confirmation, whose staging tables hold old hashes.
    """

    weak: Counter[str] = field(default_factory=Counter)
    hardened: int = 0
    waiting: list[int] = field(default_factory=list)


def harden_passwords(
    *, dry_run: bool = False, on_progress: Callable[[Hardening], None] = lambda found: None
) -> Hardening:
    """Harden the accounts' passwords, and those that undoing an import would bring back.

    Args:
        dry_run: only count.
        on_progress: called after each batch with what was found and done so far.
    """
    found = Hardening()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="hardening") as pool:
        for weak, write in ((weak_passwords(), write_passwords), (weak_former_passwords(), write_former_passwords)):
            for batch in batches(weak):
                found.weak.update(password.split("$", 1)[0] for _, password in batch)
                if not dry_run:
                    strong = list(pool.map(hardened, (password for _, password in batch)))
                    found.hardened += write(batch, strong)
                on_progress(found)
    previews = ImportRun.objects.filter(kind=ImportRun.Kind.USERS, state=ImportRun.State.PREVIEWED)
    found.waiting = list(previews.values_list("pk", flat=True))
    return found


def harden_for(seconds: float, *, after: int = 0) -> int | None:
    """Harden accounts one by one, with one processor, until the time is up.

    Args:
        after: the primary key of the account that the last call ended with.

    Returns:
        Where to go on, or None: no weak password is left, nor one that an undo would restore.
    """
    end = time.monotonic() + seconds
    for password in weak_passwords(after):
        write_passwords([password], [hardened(password[1])])
        if time.monotonic() >= end:
            return password[0]
    for password in weak_former_passwords():
        write_former_passwords([password], [hardened(password[1])])
        if time.monotonic() >= end:
            return FORMER_PASSWORDS
    return None


def weak_passwords(last: int = 0) -> Iterator[Password]:
    """The weak passwords of accounts after one of them, read some at a time in the order of their keys."""
    accounts = User.objects.order_by("pk").values_list("pk", "password")
    while rows := list(accounts.filter(pk__gt=last)[:READ_AT_A_TIME]):
        yield from ((pk, password) for pk, password in rows if is_weak(password))
        last = rows[-1][0]


def weak_former_passwords() -> Iterator[Password]:
    """The weak ones among those that an import replaced and remembers."""
    last = 0
    former = ReplacedRow.objects.filter(table=USERS.name).order_by("pk").values_list("pk", "before__password")
    while rows := list(former.filter(pk__gt=last)[:READ_AT_A_TIME]):
        yield from ((pk, password) for pk, password in rows if password and is_weak(password))
        last = rows[-1][0]


def write_passwords(weak: list[Password], strong: list[str]) -> int:
    """Write those that were not changed meanwhile, without a mark of a change. Returns how many those are."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            set_for_transaction(cursor, IMPORTING_SETTING, "on")
        return sum(
            User.objects.filter(pk=pk, password=old).update(password=new)
            for (pk, old), new in zip(weak, strong, strict=True)
        )


def write_former_passwords(weak: list[Password], strong: list[str]) -> int:
    rows = ReplacedRow.objects.in_bulk([pk for pk, _ in weak])
    hardened_rows = []
    for (pk, old), new in zip(weak, strong, strict=True):
        if (row := rows.get(pk)) is not None and row.before["password"] == old:
            row.before["password"] = new
            hardened_rows.append(row)
    return int(ReplacedRow.objects.bulk_update(hardened_rows, ["before"])) if hardened_rows else 0


def batches(passwords: Iterator[Password]) -> Iterator[list[Password]]:
    batch = []
    for password in passwords:
        batch.append(password)
        if len(batch) == HARDENED_AT_A_TIME:
            yield batch
            batch = []
    if batch:
        yield batch
