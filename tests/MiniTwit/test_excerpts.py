"""Texts with thousands of marks on a letter: short on every page, whole in every file."""

import re
from html import unescape
from unicodedata import category

import pytest
from django.test import Client

from MiniTwit import moderation, watchlist
from MiniTwit.excerpts import capped, capped_html, excerpt, has_heaps
from MiniTwit.models import Message, StaffNote, Verb, WatchTerm
from MiniTwit.moderation import selections
from tests.MiniTwit.factories import make_message, make_staff, make_user

HEAP = "a" + "\u0301\u0316" * 15_000


def test_an_excerpt_is_cut_by_code_points_and_has_few_marks_on_a_letter() -> None:
    assert excerpt("abc", 3) == "abc"
    assert excerpt("abcd", 3) == "ab…"
    assert excerpt("a\u0301" * 100, 10) == "a\u0301a\u0301a\u0301a\u0301a…"
    assert excerpt(HEAP, 140) == "a\u0301\u0316\u0301\u0316…"
    assert excerpt(HEAP + "b", 140) == excerpt(HEAP, 140)
    assert capped(HEAP + " b") == "a\u0301\u0316\u0301\u0316 b"
    assert capped("a" + "\u0301\u200d\u0488" * 99) == "a\u0301\u200d\u0488\u0301"
    assert capped("Việt, שָׁלוֹם, हिन्दी, กี่, 👨‍👩‍👧‍👦") == "Việt, שָׁלוֹם, हिन्दी, กี่, 👨‍👩‍👧‍👦"
    assert not has_heaps("e\u0301" * 1_000)
    assert has_heaps("é" * 1_000 + "e" + "\u0301" * 5 + "é")
    assert not has_heaps("é" * 1_000 + "e" + "\u0301" * 4 + "é")


def test_no_mark_is_passed_over_unseen_in_whatever_script() -> None:
    marks = [chr(code) for code in range(0x110000) if category(chr(code)) in ("Mn", "Me", "Mc")]
    assert [mark for mark in marks if capped(f"a{mark * 9} b") != f"a{mark * 4} b"] == []
    letters = [chr(code) for code in range(0x110000) if category(chr(code)) in ("Lu", "Ll", "Lo", "Lm", "So")]
    assert not has_heaps("".join(letter * 9 for letter in letters))


def test_what_a_form_sends_back_is_left_alone() -> None:
    kept = f'<textarea name="text">\n{HEAP}</textarea><input value="{HEAP}">'
    assert capped_html(f"<p>{HEAP}</p>{kept}") == f"<p>{capped(HEAP)}</p>{kept}"


@pytest.fixture
def heaped(db: None) -> Message:
    """A message that has to do with everything, and heaps of marks wherever others write."""
    author = make_user("n" + "\u0301\u0316" * 100, email="x@example.org", suspended_at="2024-05-31T00:00Z")
    message = make_message(author, HEAP + " casino")
    make_message(author, HEAP + " another")
    WatchTerm.objects.create(pattern="casino", note="n" + "\u0301" * 290)
    StaffNote.objects.create(user=author, author=author, text=HEAP)
    watchlist.scan()
    return message


def test_no_page_shows_a_heap_of_marks(client: Client, heaped: Message) -> None:
    staff = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(staff)
    batch = selections.freeze(verb=Verb.FLAG, queryset=Message.objects.all(), actor=staff)
    done = moderation.flag(messages=[heaped], actor=None, reason="Spam", note=HEAP[:900], actor_name="night shift")
    for address in (
        "message/", f"message/{heaped.pk}/change/", f"message/{heaped.pk}/history/", "user/",
        f"user/{heaped.author_id}/change/", f"user/{heaped.author_id}/delete/", "watchhit/", "watchterm/", "review/",
        f"moderationbatch/{batch.pk}/confirm/", f"moderationbatch/{done.pk}/change/", "moderationevent/",
    ):  # fmt: skip
        page = client.get(f"/admin/MiniTwit/{address}".replace("/review/", "/reviewclaim/"))
        assert page.status_code == 200, address
        shown = unescape(re.sub(r"(?s)<(textarea|script)\b.*?</\1>|<[^>]*>", "", page.content.decode()))
        assert "a\u0301\u0316\u0301\u0316" in shown or "n\u0301" in shown, address
        assert re.findall("[\u0301\u0316]{5,}", shown) == [], address
        assert len(page.content) < 120_000, address


def test_the_page_of_such_a_message_has_no_field_for_it_and_changes_nothing(client: Client, heaped: Message) -> None:
    editor = make_staff("view_message", "edit_message", "change_message", "view_user")
    client.force_login(editor)
    address = f"/admin/MiniTwit/message/{heaped.pk}/change/"
    page = client.get(address).content.decode()
    assert "more marks than a page can show" in page
    assert '<textarea name="text"' not in page
    assert HEAP not in page


def test_an_export_holds_the_whole_text(client: Client, heaped: Message) -> None:
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    fields = {"resource": "", "format": "0"} | {f"messageresource_{name}": "on" for name in ("id", "text")}
    answer = client.post("/admin/MiniTwit/message/export/", fields)
    content = b"".join(answer) if answer.streaming else answer.content
    assert HEAP + " casino" in content.decode()
