"""Editing a message is a decision: with a reason, kept in the log, to be undone, and erased on request."""

import json
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import InternalError, connection, transaction
from django.db.utils import IntegrityError
from django.test import Client

from MiniTwit import moderation
from MiniTwit.admin.messages import LONGEST_EDITED
from MiniTwit.database.triggers import ERASED_NOTE
from MiniTwit.models import Message, ModerationBatch, ModerationEvent, ModerationReason, User, Verb
from tests.MiniTwit.factories import make_message, make_roles, make_staff, make_superuser, make_user
from tests.MiniTwit.files import MESSAGE_COLUMNS, confirm, preview, table
from tests.MiniTwit.forms import form_at, form_in, save_on_page

pytestmark = pytest.mark.django_db

EDITOR = ("view_message", "change_message", "edit_message")


@pytest.fixture
def editor(client: Client) -> Client:
    ModerationReason.objects.create(name="Personal data")
    client.force_login(make_staff(*EDITOR, username="ed"))
    return client


def page_of(message: Message) -> str:
    return f"/admin/MiniTwit/message/{message.pk}/change/"


def last_event(message: Message) -> ModerationEvent:
    return message.events.latest("pk")


def edit(message: Message, **changes: object) -> ModerationBatch:
    return moderation.edit(messages=[message], actor=None, reason="Typo", **changes)  # type: ignore[arg-type]


def test_an_edit_on_the_page_asks_for_a_reason_and_is_kept_with_both_texts(editor: Client) -> None:
    message = make_message(text="call me at 555")
    response = save_on_page(editor, message, text="call me")
    assert "Choose a reason for the edit." in response.content.decode()
    assert not ModerationEvent.objects.exists()
    changed = save_on_page(editor, message, text="call me", reason="Personal data", note="Asked by mail.")
    assert changed.status_code == 302
    event = last_event(message)
    assert (event.verb, event.before, event.after) == (Verb.EDIT, {"text": "call me at 555"}, {"text": "call me"})
    assert (event.reason, event.note, event.actor_name, event.user_id) == (
        "Personal data", "Asked by mail.", "ed", message.author_id,
    )  # fmt: skip
    page = editor.get(page_of(message)).content.decode()
    assert '<span class="quiet">text</span> call me at 555 → call me' in page
    assert LogEntry.objects.get().get_change_message() == "Changed Text."


def test_saving_without_a_change_needs_no_reason_and_decides_nothing(editor: Client) -> None:
    message = make_message(text="one\ntwo")
    assert save_on_page(editor, message).status_code == 302
    message.refresh_from_db()
    assert (message.text, message.changed_at) == ("one\ntwo", None)
    assert save_on_page(editor, message, text="one\r\nthree", reason="Personal data").status_code == 302
    message.refresh_from_db()
    assert message.text == "one\nthree"


def test_a_text_that_was_not_typed_over_stays_as_another_wrote_it(editor: Client) -> None:
    """A browser sends CR LF for the LF that the form was opened with."""
    message = make_message(text="one\ntwo")
    form = form_at(editor, page_of(message), "message_form")
    edit(message, text="other\r\nlines")
    page = editor.post(page_of(message), form, follow=True).content.decode()
    assert "Kept as changed elsewhere: Text." in page
    message.refresh_from_db()
    assert message.text == "other\r\nlines"


def test_two_editors_see_each_other_and_the_reason_is_kept(editor: Client) -> None:
    message = make_message(text="first")
    form = form_at(editor, page_of(message), "message_form") | {
        "text": "mine",
        "reason": "Personal data",
        "note": "n",
    }
    edit(message, text="theirs")
    page = editor.post(page_of(message), form).content.decode()
    assert "Stored now: “theirs”" in page
    assert "in the form below. It was edited by the command line on" in page
    assert 'value="Personal data" selected' in page
    message.refresh_from_db()
    assert message.text == "theirs"
    page = editor.post(page_of(message), form_in(page, "message_form"), follow=True).content.decode()
    message.refresh_from_db()
    assert message.text == "mine"
    assert "other changes were made" not in page  # they were seen, and replaced


def test_who_flagged_a_message_is_named_and_not_who_saves_it(editor: Client) -> None:
    message = make_message(text="first")
    form = form_at(editor, page_of(message), "message_form") | {"text": "mine", "reason": "Personal data"}
    moderation.flag(messages=[message], actor=make_user("mo"), reason="Spam")
    page = editor.post(page_of(message), form, follow=True).content.decode()
    assert "other changes were made, and they stay. It was flagged by mo on" in page


def test_moderators_decide_about_messages_and_do_not_write_them(client: Client) -> None:
    make_roles()
    moderator = make_user("mod", is_staff=True)
    moderator.groups.add(Group.objects.get(name="Moderators"))
    client.force_login(moderator)
    message = make_message()
    page = client.get(page_of(message))
    assert 'name="text"' not in page.content.decode()
    assert [str(form["verb"]) for form in page.context["decisions"]] == ["flag", "keep"]
    assert client.post(page_of(message), {"text": "mine", "reason": "Spam"}).status_code == 403
    address = f"/admin/MiniTwit/message/{message.pk}/decide/edit/"
    assert client.post(address, {"reason": "Spam", "seen": ""}).status_code == 403
    assert not ModerationEvent.objects.exists()


def test_nobody_edits_a_message_of_their_own(editor: Client) -> None:
    own = make_message(User.objects.get(username="ed"))
    assert 'name="text"' not in editor.get(page_of(own)).content.decode()
    assert editor.post(page_of(own), {"text": "x", "reason": "Personal data"}).status_code == 403


def test_only_what_was_changed_is_in_the_log() -> None:
    former, other = make_user(), make_user()
    moment = datetime(2024, 5, 31, 18, 30, 15, 123456, tzinfo=UTC)
    message = make_message(former, pub_date=moment)
    assert edit(message, author=other, text=message.text, pub_date=moment).changed == 1
    event = last_event(message)
    assert (event.before, event.after) == ({"author": former.pk}, {"author": other.pk})
    assert edit(message, author=other).unchanged == 1
    later = moment.replace(microsecond=123457)
    edit(message, pub_date=later)
    assert datetime.fromisoformat(last_event(message).before["pub_date"]) == moment


def test_what_makes_no_sense_is_refused() -> None:
    message, erased = make_message(), make_user()
    boss = make_superuser()
    moderation.erase(users=[erased], actor=boss, reason="Asked for.")
    for code, changes in (
        ("text_missing", {"text": ""}),
        ("no_such_author", {"author": 999_999}),
        ("no_such_author", {"author": erased}),
    ):
        with pytest.raises(moderation.ModerationError) as refused:
            edit(message, **changes)
        assert refused.value.code == code
    with pytest.raises(moderation.ModerationError, match="reason"):
        moderation.edit(messages=[message], actor=None, reason="", text="x")
    own = make_message(boss)
    with pytest.raises(moderation.ModerationError, match="You cannot moderate your own message"):
        moderation.edit(messages=[own], actor=boss, reason="Typo", text="x")
    assert not ModerationEvent.objects.filter(verb=Verb.EDIT).exists()


def test_an_edit_is_undone_unless_the_message_was_changed_since() -> None:
    message, other = make_message(text="first"), make_user()
    former = message.author
    batch = edit(message, text="second", author=other)
    moderation.flag(messages=[message], actor=None, reason="Spam")
    undoing = moderation.undo(batch=batch, actor=None, reason="Mistake")
    message.refresh_from_db()
    assert (undoing.changed, message.text, message.author, message.flagged) == (1, "first", former, True)
    again = moderation.undo(batch=undoing, actor=None, reason="Mistake")
    message.refresh_from_db()
    assert (again.changed, message.text, message.author) == (1, "second", other)
    edit(message, text="third")
    refused = moderation.undo(batch=again, actor=None, reason="Mistake")
    assert (refused.changed, refused.skipped) == (0, 1)
    assert "It was edited by the command line on" in refused.selected_rows.get().why
    message.refresh_from_db()
    assert message.text == "third"


def test_an_undo_gives_each_message_its_own_text_back_and_skips_none() -> None:
    texts = {make_message(text="one").pk: "eins", make_message(text="two").pk: "zwei"}
    edits = [moderation.MessageEdit(message_id, text=text) for message_id, text in texts.items()]
    batch = moderation.edit_each(edits=edits, actor=None, reason="Typo")
    undoing = moderation.undo(batch=batch, actor=None, reason="Mistake")
    assert (undoing.changed, undoing.selected_rows.count()) == (2, 0)
    assert list(Message.objects.order_by("pk").values_list("text", flat=True)) == ["one", "two"]


def test_undoing_a_flag_leaves_an_edit_and_the_other_way_round() -> None:
    message = make_message(text="first")
    flagging = moderation.flag(messages=[message], actor=None, reason="Spam")
    edit(message, text="second")
    assert moderation.undo(batch=flagging, actor=None, reason="Mistake").changed == 1
    message.refresh_from_db()
    assert (message.flagged, message.text) == (False, "second")


def test_an_edit_whose_author_is_gone_stays() -> None:
    former, other = make_user("gone"), make_user()
    message = make_message(former)
    batch = edit(message, author=other)
    moderation.erase(users=[former], actor=make_superuser(), reason="Asked for.")
    undoing = moderation.undo(batch=batch, actor=None, reason="Mistake")
    assert undoing.selected_rows.get().why == "Its former author was erased or deleted."


def texts_in_the_log() -> str:
    return json.dumps(list(ModerationEvent.objects.values_list("before", "after")))


def test_an_erasure_strikes_old_texts_out_of_the_log() -> None:
    amy, bob = make_user("amy"), make_user("bob")
    message, moved, other = (
        make_message(amy, "secret one"),
        make_message(bob, "secret two"),
        make_message(bob, "stays"),
    )
    batch = edit(message, text="secret three")
    edit(moved, text="secret four", author=amy)
    edit(other, text="stays as well")
    moderation.undo(batch=batch, actor=None, reason="Mistake")
    moderation.erase(users=[amy], actor=make_superuser(), reason="Asked for.")
    assert "secret" not in texts_in_the_log()
    assert "stays as well" in texts_in_the_log()
    assert ModerationEvent.objects.filter(before__text=ERASED_NOTE, after__text=ERASED_NOTE).count() == 3
    # What was struck out does not come back by an undo.
    assert moderation.undo(batch=batch.undone_by.get(), actor=None, reason="Mistake").changed == 0


def test_deleting_a_message_for_good_strikes_its_old_texts_out() -> None:
    message, other = make_message(text="secret one"), make_message(text="stays")
    edit(message, text="secret two")
    edit(other, text="stays as well")
    moderation.purge(messages=[message], actor=None, reason="Spam")
    assert "secret" not in texts_in_the_log()
    assert "stays as well" in texts_in_the_log()


@pytest.mark.parametrize(
    "change",
    [
        "before = jsonb_set(before, '{text}', '\"another\"')",
        "before = before || '{\"flagged\": true}'",
        "after = jsonb_set(after, '{text}', '\"(erased on request)\"'), actor_name = 'x'",
        "after = NULL",
        "before = jsonb_set(before, '{pub_date}', '\"(erased on request)\"')",
        "note = 'another'",
    ],
)
def test_nothing_else_in_the_log_can_be_changed(change: str) -> None:
    message = make_message(text="first")
    edit(message, text="second", pub_date=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises((InternalError, IntegrityError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f'UPDATE "MiniTwit_moderationevent" SET {change}')


def test_the_case_of_an_account_tells_of_edits(admin: Client) -> None:
    amy, bob = make_user("amy"), make_user("bob")
    edit(make_message(amy, "first"), text="second")
    edit(make_message(bob, "third"), author=amy, text="fourth")
    response = admin.post(f"/admin/MiniTwit/user/{amy.pk}/case/")
    with zipfile.ZipFile(BytesIO(response.getvalue())) as archive:
        told = archive.read("decisions.json").decode()
    for text in ("first", "second", "third", "fourth"):
        assert f'\\"{text}\\"' in told or f'"{text}"' in told


def test_a_long_text_is_shown_in_part_and_kept_whole_when_its_page_is_saved(editor: Client) -> None:
    message = make_message(text="x" * LONGEST_EDITED + "<end>")
    page = editor.get(page_of(message)).content.decode()
    assert "200,005 characters. The page shows the first 200,000" in page
    assert "x" * (LONGEST_EDITED - 1) + "…" in page
    assert 'name="text"' not in page
    saved = save_on_page(editor, message, pub_date="2024-05-31T10:00:00", reason="Personal data")
    assert saved.status_code == 302
    assert last_event(message).after.keys() == {"pub_date"}
    message.refresh_from_db()
    assert message.text == "x" * LONGEST_EDITED + "<end>"


def test_the_longest_text_that_has_a_field_can_be_sent_back(editor: Client) -> None:
    message = make_message(text="🐋" * LONGEST_EDITED)
    form = form_at(editor, page_of(message), "message_form")
    form |= {"text": "🐳" * LONGEST_EDITED, "reason": "Personal data"}
    sent = editor.post(page_of(message), urlencode(form), content_type="application/x-www-form-urlencoded")
    assert sent.status_code == 302
    assert Message.objects.get(pk=message.pk).text == "🐳" * LONGEST_EDITED


@pytest.mark.usefixtures("kept_uploads")
def test_a_file_edits_messages_by_the_same_decision(client: Client) -> None:
    message = make_message(text="first")
    row = [message.pk, message.author.username, "second", message.pub_date.isoformat(), ""]
    rights = ("view_message", "import_message", "add_message", "change_message")
    client.force_login(make_staff(*rights, username="importer"))
    assert "You may not edit messages" in preview(client, "message", table(MESSAGE_COLUMNS, row)).content.decode()
    client.force_login(make_staff(*rights, "edit_message", username="ed"))
    confirm(client, "message", preview(client, "message", table(MESSAGE_COLUMNS, row)))
    event = last_event(message)
    assert (event.before, event.after, event.actor_name) == ({"text": "first"}, {"text": "second"}, "ed")
    assert event.reason == "Imported from a file"


def test_the_list_of_decisions_cuts_texts_and_the_page_of_one_shows_all(admin: Client) -> None:
    message = make_message(text="long " * 1_000 + "end")
    edit(message, text="2024-05-31T18:30:00+00:00")
    listed = admin.get("/admin/MiniTwit/moderationevent/").content.decode()
    assert "long long" in listed
    assert "long end" not in listed
    page = admin.get(f"/admin/MiniTwit/moderationevent/{last_event(message).pk}/change/").content.decode()
    assert "long end" in page
    assert "2024-05-31T18:30:00+00:00" in page  # a text, however much it looks like a date
