"""Dumps that pg_dump and mysqldump wrote: the same rows as the server has, and nothing of them is executed."""

import gzip
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from legacy_import.source import SourceError, SQLiteSource, source_at
from MiniTwit.models import Message, User
from tests.legacy_import import mariadb, test_csv_tables, test_foreign_dumps, test_implied_schema
from tests.legacy_import.conftest import database_url
from tests.legacy_import.importing import import_of
from tests.legacy_import.old_site import OldSite, mysql_site, postgresql_site
from tests.legacy_import.packed import open_source, rows_of, zipped

PG_DUMP = str(Path(settings.PG_RESTORE).with_name("pg_dump"))
MYSQL_DUMP = shutil.which("mariadb-dump") or shutil.which("mysqldump")
MORE_OF_POSTGRESQL = (
    "CREATE TABLE posts_tags (id serial, at timestamptz DEFAULT now(), day date, odd integer[])",
    'ALTER TABLE message ADD FOREIGN KEY (author_id) REFERENCES "user" (user_id) NOT VALID',
    "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN DELETE FROM message; RETURN new; END;$$",
    "CREATE TRIGGER trap AFTER INSERT ON message EXECUTE FUNCTION trap()",
    "COMMENT ON TABLE message IS 'it''s; a -- comment'",
)

pytestmark = [pytest.mark.story, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def postgresql(db: None) -> Iterator[OldSite]:
    with postgresql_site() as site:
        site.fill("boolean")
        for statement in MORE_OF_POSTGRESQL:
            site.execute(statement)
        yield site


@pytest.fixture
def mysql() -> Iterator[tuple[OldSite, mariadb.MariaDB]]:
    if mariadb.PROGRAM is None or MYSQL_DUMP is None:
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server-core mariadb-client")
    with mariadb.running() as server, mysql_site(server) as site:
        site.fill("boolean")
        site.execute("CREATE TRIGGER trap AFTER INSERT ON message FOR EACH ROW BEGIN DELETE FROM audit; END")
        yield site, server


def written(path: Path, command: Sequence[str]) -> Path:
    with path.open("wb") as file:
        subprocess.run(command, stdout=file, check=True)
    return path


def of_server(site: OldSite, tmp_path: Path) -> dict[str, list[Any]]:
    """What is read from the server itself."""
    tables = ("user", "message", "follower")
    with SQLiteSource.open(source_at(site.url), tmp_path / "snapshot", required=tables) as source:
        return {table: [(row.position, row.values) for row in source.rows(table)] for table in tables}


@pytest.mark.parametrize(
    "options",
    ["--format=plain", "--inserts", "--column-inserts --rows-per-insert=3", "-Fc", "-Ft", "-Fc -Z 9", "--clean -C"],
)
def test_a_dump_of_postgresql_holds_the_same_rows_as_its_server(
    postgresql: OldSite, tmp_path: Path, options: str
) -> None:
    command = [PG_DUMP, *options.split(), database_url("old_minitwit")]
    path = written(tmp_path / "old.dump", command)
    assert rows_of(path, tmp_path) == of_server(postgresql, tmp_path)
    with open_source(path, tmp_path) as source:
        assert source.description.kind.startswith("PostgreSQL dump")
        assert any("CREATE FUNCTION public.trap" in warning for warning in source.description.warnings)
        assert not [warning for warning in source.description.warnings if "cut short" in warning]
        key = source.connection.execute('PRAGMA table_xinfo("user")').fetchall()[0]
        assert key[5] == 1


def test_a_dump_of_postgresql_within_an_archive(postgresql: OldSite, tmp_path: Path) -> None:
    for options in (["-Fc"], ["-Fp"]):
        content = written(tmp_path / "old", [PG_DUMP, *options, database_url("old_minitwit")]).read_bytes()
        path = zipped(tmp_path / "old.zip", **{"backup/old.dump": content, "README": b"hello"})
        assert rows_of(path, tmp_path) == of_server(postgresql, tmp_path)


def test_a_damaged_dump_in_the_custom_format_is_refused_with_a_way_out(postgresql: OldSite, tmp_path: Path) -> None:
    whole = written(tmp_path / "whole", [PG_DUMP, "-Fc", database_url("old_minitwit")]).read_bytes()
    rows, refusals = of_server(postgresql, tmp_path), []
    for length in range(12, len(whole), len(whole) // 12):
        path = tmp_path / "old.dump"
        path.write_bytes(whole[:length])
        try:
            assert rows_of(path, tmp_path) == rows  # its last bytes hold no rows
        except SourceError as error:
            refusals.append(error)
    assert {error.code for error in refusals} == {"damaged_archive"}
    assert all("pg_restore -f dump.sql" in error.message for error in refusals)


def test_without_pg_restore_the_custom_format_is_named_with_a_way_out(tmp_path: Path, settings: Any) -> None:
    settings.PG_RESTORE = ""
    (tmp_path / "old.dump").write_bytes(b"PGDMP\x01\x0e\x00\x04\x08\x01")
    with pytest.raises(SourceError, match=r"pg_restore -f dump\.sql"):
        open_source(tmp_path / "old.dump", tmp_path)


def test_a_dump_in_the_directory_format_is_named_with_a_way_out(tmp_path: Path) -> None:
    toc = b"PGDMP\x01\x0e\x00\x04\x08\x05" + bytes(50)
    (tmp_path / "toc.dat").write_bytes(toc)
    path = zipped(tmp_path / "old.zip", **{"old/1.dat.gz": gzip.compress(b"x"), "old/toc.dat": toc})
    for given in (tmp_path / "toc.dat", path):
        with pytest.raises(SourceError, match=r"directory format\. Write the whole folder out with `pg_restore"):
            open_source(given, tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--skip-extended-insert",
        "--compact",
        "--hex-blob --complete-insert",
        "--databases old_minitwit",
    ],
)
def test_a_dump_of_mysql_holds_the_same_rows_as_its_server(
    mysql: tuple[OldSite, mariadb.MariaDB], tmp_path: Path, options: str
) -> None:
    site, server = mysql
    account = [
        "--no-defaults",
        f"--socket={server.socket}",
        f"--user={mariadb.USER}",
        f"--password={mariadb.PASSWORD}",
    ]
    database = [] if "--databases" in options else ["old_minitwit"]
    path = written(tmp_path / "old.sql", [str(MYSQL_DUMP), *account, *options.split(), *database])
    assert rows_of(path, tmp_path) == of_server(site, tmp_path)
    with open_source(path, tmp_path) as source:
        assert source.description.kind == "MySQL or MariaDB dump"
        assert not [warning for warning in source.description.warnings if "cut short" in warning]


@pytest.mark.parametrize("kind", ["PostgreSQL", "MySQL", "CSV", "rows alone"])
def test_what_comes_from_other_files_is_imported_and_verified(tmp_path: Path, import_dir: Path, kind: str) -> None:
    path = tmp_path / "old"
    if kind == "CSV":
        users, messages, follows = test_csv_tables.USERS, test_csv_tables.MESSAGES, test_csv_tables.FOLLOWS
        path = test_csv_tables.packed(tmp_path, {"user.csv": users, "message.csv": messages, "follower.csv": follows})
    elif kind == "rows alone":
        rows = (test_implied_schema.PEOPLE, test_implied_schema.MESSAGES, test_implied_schema.FOLLOWS)
        path.write_text("".join(rows))
    else:
        text = test_foreign_dumps.MYSQL if kind == "MySQL" else test_foreign_dumps.POSTGRESQL
        path.write_text(text.replace(r"ann\\\t\nlast", "ann"))  # a name that is imported
    users_run, messages_run = import_of("users", path), import_of("messages", path)
    assert users_run.verification["ok"]
    assert messages_run.verification["ok"]
    assert User.objects.filter(legacy_id__isnull=False).count() == 2
    assert Message.objects.count() >= 1
    assert users_run.source["warnings"] or kind != "rows alone"
