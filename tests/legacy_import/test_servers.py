"""Old databases on servers: the same rows, outcomes and account as from a SQLite file that holds them."""

import io
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from legacy_import.models import ImportRun
from legacy_import.rules.options import ImportOptions
from legacy_import.runs import lifecycle
from legacy_import.source import SQLiteSource, configured_source, source_at
from legacy_import.source.recognition.mapping import TableMapping
from legacy_import.source.recognition.matching import recognise
from legacy_import.source.snapshot import servers
from MiniTwit.models import User
from tests.legacy_import import mariadb
from tests.legacy_import.conftest import confirm, database_url, page_of, preview, text_of
from tests.legacy_import.old_site import ROWS, SCHEMA, USERS, OldSite, mysql_site, postgresql_site

pytestmark = [pytest.mark.story, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]


@pytest.fixture
def postgresql(db: None) -> Iterator[OldSite]:
    with postgresql_site() as site:
        yield site


@pytest.fixture(scope="module")
def mariadb_server() -> Iterator[mariadb.MariaDB]:
    if mariadb.PROGRAM is None:
        pytest.skip(mariadb.WHY_NOT)
    with mariadb.running() as server:
        yield server


@pytest.fixture
def mysql(mariadb_server: mariadb.MariaDB) -> Iterator[OldSite]:
    with mysql_site(mariadb_server) as site:
        yield site


@pytest.fixture(params=["postgresql", "mysql"])
def site(request: pytest.FixtureRequest) -> OldSite:
    """The same old database on either server."""
    site: OldSite = request.getfixturevalue(request.param)
    site.fill("boolean")
    return site


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The same old database as a SQLite file."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(SCHEMA.format(q='"', key="integer primary key", flag="boolean"))
        for table, rows in ROWS.items():
            old.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        old.commit()
    return path


def rows_of(location: str, tmp_path: Path) -> dict[str, list[Any]]:
    with SQLiteSource.open(source_at(location), tmp_path / "snapshot", required=tuple(ROWS)) as source:
        return {table: [(row.position, row.values) for row in source.rows(table)] for table in ROWS}


def import_legacy(kind: str, location: str) -> dict[str, Any]:
    output = io.StringIO()
    call_command("import_legacy", kind, "--source", location, "--json", stdout=output)
    answer: dict[str, Any] = json.loads(output.getvalue())
    return answer


def refusal(location: str) -> dict[str, str]:
    """What the command says of a source; nothing of it is kept but the failed run."""
    output = io.StringIO()
    with pytest.raises(CommandError):
        call_command("import_legacy", "users", "--source", location, "--json", stdout=output)
    assert not User.objects.exists()
    error: dict[str, str] = json.loads(output.getvalue())["error"]
    return error


def test_a_server_holds_the_same_rows_as_a_file(site: OldSite, file: Path, tmp_path: Path) -> None:
    assert rows_of(site.url, tmp_path) == rows_of(str(file), tmp_path)


def test_a_server_gets_the_same_account_as_a_file(site: OldSite, file: Path) -> None:
    from_server = {kind: import_legacy(kind, site.url) for kind in ("users", "messages")}
    assert all(run.verification["ok"] for run in ImportRun.objects.all())
    output = io.StringIO()
    call_command("verify_legacy", "--source", site.url, "--json", stdout=output)
    assert json.loads(output.getvalue())["ok"]
    for run in ImportRun.objects.order_by("-id"):
        lifecycle.request_undo(run.pk)
        lifecycle.undo(run.pk)
    from_file = {kind: import_legacy(kind, str(file)) for kind in ("users", "messages")}
    for kind in ("users", "messages"):
        for part in ("tables", "rejected", "notes"):
            assert from_server[kind][part] == from_file[kind][part]


def test_what_a_column_was_declared_to_refer_to_is_read_from_a_server(site: OldSite, tmp_path: Path) -> None:
    for statement in (
        "CREATE TABLE authors (id integer primary key, name varchar(20))",
        "INSERT INTO authors VALUES (1, 'zoe')",
        "CREATE TABLE tweets (id integer primary key, user_id integer, owner integer, content text, date bigint,"
        " FOREIGN KEY (owner) REFERENCES authors (id))",
        "INSERT INTO tweets VALUES (1, 1, 1, 'hi', 1600000000)",
    ):
        site.execute(statement)
    choose = partial(recognise, label="old", required=("user", "message"), wishes={"user": TableMapping("authors")})
    snapshot = tmp_path / "snapshot"
    with SQLiteSource.open(source_at(site.url), snapshot, required=("user", "message"), choose=choose) as source:
        mapping = source.description.mapping["message"]
    # By its name `message` would be, and by its name `user_id`.
    assert (mapping.table, mapping.columns["author_id"]) == ("tweets", "owner")


def test_staff_import_from_the_configured_server_and_never_see_its_password(
    admin: Client, site: OldSite, settings: Any
) -> None:
    settings.LEGACY_DATABASE_URL = site.url
    start = text_of(admin, "/admin/legacy_import/importrun/users/")
    run = confirm(admin, preview(admin, "users"))
    assert run.state == "applied"
    assert confirm(admin, preview(admin, "messages")).state == "applied"
    shown = start + text_of(admin, page_of(run))
    assert "/old_minitwit" in shown
    assert "were not read: audit" in shown
    stored = json.dumps(list(ImportRun.objects.values()), default=str)
    assert site.password not in shown + stored


def test_a_run_of_a_server_that_is_no_longer_configured_fails_and_says_so(site: OldSite, settings: Any) -> None:
    run = lifecycle.start(kind="users", reference=source_at(site.url), options=ImportOptions())
    settings.LEGACY_DATABASE_URL = ""
    with pytest.raises(lifecycle.RunError, match="no longer what LEGACY_DATABASE_URL names"):
        lifecycle.stage(run.pk)


def test_values_of_postgresql_keep_their_meaning(postgresql: OldSite, tmp_path: Path) -> None:
    postgresql.execute(
        'CREATE TABLE "user" (user_id bigserial primary key, username varchar(80), email text, pw_hash bytea);'
        "CREATE TABLE message (message_id int primary key, author_id numeric, text text, pub_date timestamptz,"
        " flagged boolean);"
        "CREATE TABLE follower (who_id smallint, whom_id numeric(20, 5))"
    )
    postgresql.execute("INSERT INTO \"user\" VALUES (1, '00123', '1e5', '\\x245c0061'), (2, NULL, '', NULL)")
    postgresql.execute(
        "INSERT INTO message VALUES (1, 12, 'a', '2020-02-19 08:27:18.5+01', true), (2, 1.5, 'b', 'infinity', NULL)"
    )
    postgresql.execute("INSERT INTO follower VALUES (1, 2), (3, 'NaN')")
    rows = rows_of(postgresql.url, tmp_path)
    assert rows["user"] == [
        (1, (1, "00123", "1e5", b"$\\\0a", None, None)),
        (2, (2, None, "", None, None, None)),
    ]
    assert rows["message"] == [
        (1, (1, 12, "a", "2020-02-19 07:27:18.5+00:00", 1)),
        (2, (2, "1.5", "b", "infinity", None)),
    ]
    assert rows["follower"] == [(1, (1, 2)), (2, (3, "NaN"))]


def test_values_of_mysql_keep_their_meaning(mysql: OldSite, tmp_path: Path) -> None:
    mysql.execute(
        "CREATE TABLE user (user_id int unsigned auto_increment primary key, username varchar(80), email text,"
        " pw_hash varbinary(99))"
    )
    mysql.execute(
        "CREATE TABLE message (message_id int primary key, author_id decimal(9, 1), `text` text,"
        " pub_date timestamp(1), flagged bit(1))"
    )
    mysql.execute("CREATE TABLE follower (who_id bigint unsigned, whom_id tinyint)")
    mysql.execute("SET time_zone = '+01:00'")
    mysql.execute("INSERT INTO user VALUES (1, '00123', '1e5', X'245C0061'), (2, NULL, '', NULL)")
    mysql.execute(
        "INSERT INTO message VALUES (1, 12, 'nul \\0 %s', '2020-02-19 08:27:18.5', 1), (2, 1.5, 'b', 0, NULL)"
    )
    mysql.execute("INSERT INTO follower VALUES (1, 2), (18446744073709551615, -1)")
    rows = rows_of(mysql.url, tmp_path)
    assert rows["user"] == [
        (1, (1, "00123", "1e5", b"$\\\0a", None, None)),
        (2, (2, None, "", None, None, None)),
    ]
    assert rows["message"] == [
        (1, (1, 12, "nul \0 %s", "2020-02-19 07:27:18.5+00:00", 1)),
        (2, (2, "1.5", "b", "0000-00-00 00:00:00.0+00:00", None)),
    ]
    assert rows["follower"] == [(1, (1, 2)), (2, ("1.84467440737096e+19", -1))]


def test_a_wrong_password_is_said_without_it(mysql: OldSite) -> None:
    error = refusal(mysql.url.replace(mysql.password, "wr0ng-secret"))
    assert error["code"] == "access_denied"
    assert "wr0ng-secret" not in error["message"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://me:s3cret@nowhere.invalid/old", "unknown_host"),
        ("mysql://me:s3cret@nowhere.invalid/old", "unknown_host"),
        ("postgresql://me:s3cret@127.0.0.1:1/old", "server_unreachable"),
        ("mysql://me:s3cret@127.0.0.1:1/old", "server_unreachable"),
        ("postgresql://me:s3cret@127.0.0.1:port/old", "bad_address"),
        ("postgresql://me:s3cret@127.0.0.1", "bad_address"),
        ("postgresql://me:s3cret@127.0.0.1:1/old?no_such_option=1", "server_error"),
        ("oracle://me:s3cret@127.0.0.1/old", "unsupported_source"),
    ],
)
def test_a_server_that_cannot_be_reached_is_named_without_its_password(url: str, code: str) -> None:
    error = refusal(url)
    assert error["code"] == code
    assert "s3cret" not in error["message"]


def test_an_account_that_is_not_there_is_said(postgresql: OldSite) -> None:
    assert refusal(postgresql.url.replace("//old_reader:", "//no_such_account:"))["code"] == "access_denied"


def test_a_database_that_is_not_there_is_said(site: OldSite) -> None:
    assert refusal(site.url.replace("/old_minitwit", "/no_such_minitwit"))["code"] == "no_such_database"


def test_a_server_without_a_minitwit_is_refused(postgresql: OldSite) -> None:
    postgresql.execute("CREATE TABLE orders (id int)")
    error = refusal(postgresql.url)
    assert error["code"] == "missing_table"
    assert "orders" in error["message"]


def test_the_new_database_is_not_taken_for_an_old_one() -> None:
    assert refusal(database_url())["code"] == "own_database"


def test_too_many_tables_that_could_be_meant_are_refused(site: OldSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "MOST_TABLES", 2)
    assert refusal(site.url)["code"] == "too_many_tables"


def test_a_table_locked_by_others_is_not_waited_for_for_ever(
    postgresql: OldSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    from legacy_import.source.snapshot import postgresql as module

    postgresql.fill("boolean")
    monkeypatch.setattr(module, "SESSION", module.SESSION.replace(f"'{servers.LOCK_SECONDS}s'", "'100ms'"))
    postgresql.execute("BEGIN")
    postgresql.execute("LOCK TABLE message")
    assert refusal(postgresql.url)["code"] == "source_locked"
    postgresql.execute("ROLLBACK")


def test_limits_of_the_server_do_not_end_the_copy(site: OldSite, tmp_path: Path, mariadb_limits: None) -> None:
    if site.quote == '"':
        for name in ("idle_in_transaction_session_timeout", "transaction_timeout"):
            if name != "transaction_timeout" or connection.pg_version >= 170_000:
                site.execute(f"ALTER DATABASE {urlsplit(site.url).path[1:]} SET {name} = '100ms'")
    pauses = [0.2 if site.quote == '"' else 1.2]

    def on_progress(line: str) -> None:
        if line.startswith("Reading message") and pauses:
            time.sleep(pauses.pop())

    with SQLiteSource.open(
        source_at(site.url), tmp_path / "snapshot", required=("user",), on_progress=on_progress
    ) as source:
        assert source.description.tables["user"] == len(USERS)
    assert not pauses


@pytest.fixture
def mariadb_limits(mariadb_server: mariadb.MariaDB) -> Iterator[None]:
    """A server that ends what is idle in a transaction for a second."""
    with closing(mariadb_server.connect()) as session, session.cursor() as cursor:
        cursor.execute("SET GLOBAL idle_readonly_transaction_timeout = 1, GLOBAL idle_transaction_timeout = 1")
        yield
        cursor.execute("SET GLOBAL idle_readonly_transaction_timeout = 0, GLOBAL idle_transaction_timeout = 0")


def test_rows_that_a_policy_hides_are_not_lost_in_silence(postgresql: OldSite) -> None:
    postgresql.fill("boolean")
    postgresql.execute('ALTER TABLE "user" ENABLE ROW LEVEL SECURITY')
    assert refusal(postgresql.url)["code"] == "access_denied"


def test_a_missing_driver_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "legacy_import.source.snapshot.mysql", None)
    error = refusal("mysql://me:s3cret@127.0.0.1/old")
    assert error["code"] == "no_driver"


class Stop(Exception):  # noqa: N818 -- somebody asked
    pass


def test_reading_a_server_can_be_stopped_in_the_middle(site: OldSite, tmp_path: Path) -> None:
    name = f"{site.quote}message{site.quote}"
    site.execute(
        f"INSERT INTO {name} SELECT a.message_id + 10 * b.message_id, 1, 'x', 1, true FROM {name} a, {name} b"
    )

    def on_progress(line: str) -> None:
        if line.startswith("Reading message"):
            raise Stop(line)

    with pytest.raises(Stop):
        SQLiteSource.open(source_at(site.url), tmp_path / "snapshot", required=("user",), on_progress=on_progress)
    assert not list(tmp_path.glob("snapshot*"))


def test_a_value_beyond_all_measure_is_refused(postgresql: OldSite) -> None:
    postgresql.fill("boolean")
    postgresql.execute("UPDATE \"user\" SET username = repeat('x', 17 * 1024 * 1024) WHERE user_id = 1")
    assert refusal(postgresql.url)["code"] == "value_too_long"


def test_two_addresses_of_one_database_are_the_same_source(settings: Any) -> None:
    one = source_at("postgresql://ann:one@db.example.com/old")
    settings.LEGACY_DATABASE_URL = "postgres://bob:two@db.example.com:5432/old?sslmode=require"
    configured = configured_source()
    assert configured is not None
    assert configured.key("") == one.key("") == "postgresql://db.example.com/old"
    assert "one" not in repr(one)
