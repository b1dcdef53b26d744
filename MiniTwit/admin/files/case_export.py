"""The case of an account: all that is kept about it, in one ZIP file. A password is not in it, not even its hash."""

import io
import tempfile
import zipfile
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from import_export.resources import Resource

from MiniTwit.admin.files.export_resources import DecisionResource, NoteResource, StrikeResource
from MiniTwit.admin.files.exporting import Export
from MiniTwit.admin.files.resources import FollowResource, MessageResource, UserResource
from MiniTwit.instants import shown_time
from MiniTwit.models import Follow, Message, ModerationEvent, StaffNote, Strike, User
from MiniTwit.moderation.message_edits import about_account
from MiniTwit.text_ids import old_id

Part = tuple[str, str, QuerySet[Any], Resource]


def parts_of(user: User) -> list[Part]:
    """The parts of the file: the name of each part, its title, its rows, and the Resource that writes them."""
    follows = Follow.objects.select_related("who", "whom")
    messages = Message.objects.filter(author=user).select_related("author")
    decisions = ModerationEvent.objects.filter(about_account(user.pk))
    strikes, notes = Strike.objects.filter(user=user), StaffNote.objects.filter(user=user)
    return [
        ("account", "the account itself", User.objects.filter(pk=user.pk), UserResource()),
        ("messages", "messages", messages.order_by("pub_date", "pk"), MessageResource()),
        ("following", "accounts that it follows", follows.filter(who=user).order_by("pk"), FollowResource()),
        ("followers", "accounts that follow it", follows.filter(whom=user).order_by("pk"), FollowResource()),
        ("decisions", "decisions about it and its messages", decisions.order_by("pk"), DecisionResource()),
        ("strikes", "strikes", strikes.order_by("pk"), StrikeResource()),
        ("notes", "notes by staff", notes.order_by("pk"), NoteResource()),
    ]


def write_case(user: User) -> Any:
    """Write the case into a temporary file, row by row, and return the file.

    It holds each part twice: as CSV, in which no spreadsheet finds a formula, and as JSON, exactly as stored.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 -- the response closes it
    try:
        with transaction.atomic(), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            counts = []
            for name, title, rows, resource in parts_of(user):
                export = Export(rows, resource, None)
                write_member(archive, f"{name}.csv", export.csv_lines())
                write_member(archive, f"{name}.json", export.json_lines())
                counts.append((name, title, rows.count()))
            write_member(archive, "summary.txt", [summary_of(user, counts)])
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def write_member(archive: zipfile.ZipFile, name: str, texts: Iterable[str]) -> None:
    with (
        archive.open(name, "w", force_zip64=True) as member,
        io.TextIOWrapper(member, encoding="utf-8", newline="") as text_file,
    ):
        text_file.writelines(texts)


def summary_of(user: User, counts: list[tuple[str, str, int]]) -> str:
    """A page of plain text: whose case it is, its date, the state of the account, and what the other files hold."""
    number = old_id("user", user.legacy_id)
    facts = {
        "Account": f"{user.username} (number {user.pk})",
        "E-mail address": user.email or "none",
        "Name": user.get_full_name() or "none",
        "Joined": moment(user.date_joined) if user.date_joined else "not known",
        "Old database": f"id {number}, brought by import {user.import_run}" if number else "no",
        "Active": "yes" if user.is_active else "no",
        "Suspended": f"since {moment(user.suspended_at)}" if user.is_suspended else "no",
        "Erased": moment(user.erased_at) if user.erased_at else "no",
    }
    lines = [f"All that is kept about an account, as of {moment(timezone.now())}", ""]
    lines += [f"{title + ':':<16} {value}" for title, value in facts.items()]
    lines += ["", "Each of these is a CSV file for spreadsheets and a JSON file for programs:", ""]
    lines += [f"{name + ':':<16} {number:,} ({title})" for name, title, number in counts]
    lines += ["", "Passwords are not exported."]
    return "\n".join(lines) + "\n"


def moment(when: Any) -> str:
    return f"{shown_time(when)} {timezone.get_current_timezone_name()}"
