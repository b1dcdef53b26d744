"""Dates such as 02-03-2022: the other dates of their column tell which number is the day."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from legacy_import.models import ImportRun
from legacy_import.runs import lifecycle
from legacy_import.source.record import SourceRecord
from MiniTwit.models import Message, User
from tests.legacy_import.conftest import page_of, text_of
from tests.legacy_import.importing import counts, import_of, preview_of
from tests.legacy_import.old_database import ANN, BOB, NULLABLE_SCHEMA, old_file

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("import_dir")]


def messages_of(folder: Path, *dates: Any) -> Path:
    """An old database with messages of these dates, whose users are imported."""
    rows = [(number, 1, f"message {number}", date, 0) for number, date in enumerate(dates, 1)]
    path = old_file(folder, user=[ANN, BOB], message=rows)
    import_of("users", path)
    return path


def days() -> list[str]:
    return [
        f"{moment:%Y-%m-%d}" for moment in Message.objects.order_by("legacy_id").values_list("pub_date", flat=True)
    ]


def said_of(run: ImportRun) -> list[str]:
    return [sentence for sentence in SourceRecord.from_json(run.source).warnings if "pub_date" in sentence]


def test_one_date_with_the_day_first_tells_it_of_all(tmp_path: Path) -> None:
    path = messages_of(tmp_path, "02-03-2022", "03.02.2022 10:00", 1_600_000_000, "18-02-2022", "2022-01-02")
    run = import_of("messages", path)
    assert days() == ["2022-03-02", "2022-02-03", "2020-09-13", "2022-02-18", "2022-01-02"]
    assert said_of(run) == [
        "Dates like 02-03-2022 in the column pub_date are read as day, month, year, because 18-02-2022 occurs."
    ]
    assert run.verification["ok"], run.verification
    assert counts(import_of("messages", path), "message").unchanged == 5


def test_one_date_with_the_month_first_tells_it_of_all(tmp_path: Path) -> None:
    run = import_of("messages", messages_of(tmp_path, "02/03/2022", "3/2/2022, 10:00", "02/18/2022"))
    assert days() == ["2022-02-03", "2022-03-02", "2022-02-18"]
    assert "as month, day, year, because 02/18/2022 occurs" in said_of(run)[0]
    assert run.verification["ok"], run.verification


def test_where_both_occur_only_those_are_read_that_have_one_reading(tmp_path: Path) -> None:
    path = messages_of(tmp_path, "18-02-2022", "02-03-2022", "02-18-2022", "05-05-2022", "9:27 AM, 3/4/2022")
    run = import_of("messages", path, insist=True)
    assert days() == ["2022-02-18", "2022-02-18", "2022-05-05"]
    assert counts(run, "message").reasons == {"bad_date": 2}
    assert "Those that can be read either way, such as 02-03-2022, are not read." in said_of(run)[0]
    assert run.verification["ok"], run.verification
    assert not run.audit["disagreements"]


def test_where_none_tells_it_a_date_is_read_with_am_or_pm_alone(tmp_path: Path) -> None:
    run = import_of("messages", messages_of(tmp_path, "02-03-2022", "9:27 AM, 3/4/2022", "05-05-2022"), insist=True)
    assert days() == ["2022-03-04", "2022-05-05"]
    assert counts(run, "message").reasons == {"bad_date": 1}
    assert "Dates like 02-03-2022 in the column pub_date can be read in two ways" in said_of(run)[0]
    assert run.verification["ok"], run.verification


def test_a_date_that_tells_it_counts_wherever_it_is(tmp_path: Path) -> None:
    """In a row that is rejected, in a value that is stored as bytes, behind blanks or a time."""
    for number, telling in enumerate((b"18-02-2022", " 18-02-2022", "8:27, 18/02/2022", "\t8:27 18.02.2022")):
        folder = tmp_path / str(number)
        folder.mkdir()
        rows = [(1, 1, "read", "02-03-2022", 0), (2, 99, "by nobody", telling, 0)]
        path = old_file(folder, user=[ANN], message=rows)
        import_of("users", path)
        run = import_of("messages", path, insist=True, existing="update")
        assert (telling, days()) == (telling, ["2022-03-02"])
        assert run.verification["ok"], run.verification


def test_every_column_tells_for_itself(tmp_path: Path) -> None:
    schema = {**NULLABLE_SCHEMA, "user": f"{NULLABLE_SCHEMA['user']}, date_joined"}
    users = [(*ANN, "01-02-2020"), (*BOB, "01-13-2020")]
    path = old_file(
        tmp_path, user=users, message=[(1, 1, "a", "02-03-2022", 0), (2, 1, "b", "18-02-2022", 0)], schema=schema
    )
    run = import_of("users", path)
    joined = dict(User.objects.values_list("username", "date_joined"))
    assert joined == {"ann": datetime(2020, 1, 2, tzinfo=UTC), "bob": datetime(2020, 1, 13, tzinfo=UTC)}
    assert run.verification["ok"], run.verification
    assert import_of("messages", path).verification["ok"]
    assert days() == ["2022-03-02", "2022-02-18"]


def test_the_preview_says_how_dates_are_read(tmp_path: Path, admin: Client) -> None:
    run = preview_of("messages", messages_of(tmp_path, "02-03-2022", "18-02-2022"))
    page = text_of(admin, page_of(run))
    assert "are read as day, month, year, because 18-02-2022 occurs" in page
    lifecycle.confirm(run.pk)
    lifecycle.apply(run.pk)
    assert days() == ["2022-03-02", "2022-02-18"]
