"""The review queue: what waits, in which order, for whom; and what comes of a decision."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from MiniTwit import moderation, review, watchlist
from MiniTwit.models import Message, ModerationEvent, ModerationReason, ReviewClaim, Strike, User, WatchTerm
from tests.MiniTwit.factories import make_message, make_staff, make_superuser, make_user

pytestmark = pytest.mark.django_db

QUEUE = "/admin/MiniTwit/reviewclaim/"
DAY = datetime(2020, 5, 1, tzinfo=UTC)
RIGHTS = ("moderate_message", "moderate_user", "undo_moderationbatch", "view_message", "view_user")


def make_waiting(number: int, **fields: Any) -> Message:
    """A message that the old application had flagged, of the numberth day."""
    values = {"flagged": True, "legacy_id": number, "pub_date": DAY + timedelta(days=number)} | fields
    return make_message(text=f"number {number}", **values)


@pytest.fixture
def ann() -> User:
    ModerationReason.objects.get_or_create(name="Spam")
    ModerationReason.objects.get_or_create(name="Fine")
    return make_staff(*RIGHTS, username="ann")


@pytest.fixture
def bob() -> User:
    return make_staff(*RIGHTS, username="bob")


@pytest.fixture
def desk(client: Client, ann: User) -> Client:
    client.force_login(ann)
    return client


def item(client: Client) -> Message | None:
    found: Message | None = client.get(QUEUE).context["item"]
    return found


def post(client: Client, deed: str, **data: Any) -> Any:
    """As the script does it: the answer is the desk as it is then."""
    return client.post(f"{QUEUE}{deed}/", data, headers={"X-Requested-With": "fetch"})


def decide(client: Client, message: Message, verb: str, **data: Any) -> Any:
    values = {"message": message.pk, "verb": verb, "version": review.version_of(message), "reason": "Spam"}
    return post(client, "decide", **(values | data))


def notice(response: Any) -> str:
    return response.context["notice"]["sentence"]


def test_the_three_reasons_to_wait_in_the_order_of_time_each_message_once(ann: User) -> None:
    suspended = make_user(suspended_at=timezone.now())
    expired = make_user(suspended_at=timezone.now(), suspended_until=timezone.now() - timedelta(days=1))
    both = make_waiting(3, author=suspended)
    hit = make_message(text="casino", pub_date=DAY + timedelta(days=2))
    oldest = make_waiting(1)
    by_suspended = make_message(suspended, "quiet", pub_date=DAY + timedelta(days=4))
    make_message(expired, "free again")
    make_message(text="flagged here, so decided", flagged=True)
    make_waiting(9, decision="flag", decided_at=timezone.now())
    WatchTerm.objects.create(pattern="casino")
    WatchTerm.objects.create(pattern="cas", kind="phrase")
    watchlist.scan()
    expected = [oldest.pk, hit.pk, both.pk, by_suspended.pk]
    assert review.waiting(moderator=ann) == expected
    assert review.waiting(moderator=ann, limit=2) == expected[:2]
    assert review.waiting(moderator=ann, after=review.position_of(hit)) == expected[2:]
    assert review.waiting(moderator=ann, before=review.position_of(both)) == [hit.pk, oldest.pk]
    assert review.count_waiting().label == "4"
    reasons = {
        message.pk: [why.code for why in review.wait_reasons_of(message)]
        for message in Message.objects.filter(pk__in=expected)
    }
    assert reasons == {
        oldest.pk: ["flagged"],
        hit.pk: ["hit"],
        both.pk: ["flagged", "suspended"],
        by_suspended.pk: ["suspended"],
    }


@pytest.mark.parametrize(("crowd", "near"), [(1, 1), (1, 4), (3, 100), (4, 100)])
def test_a_crowd_of_suspended_accounts_comes_in_the_same_order(
    monkeypatch: pytest.MonkeyPatch, ann: User, crowd: int, near: int
) -> None:
    monkeypatch.setattr("MiniTwit.review.queue.CROWD", crowd)
    monkeypatch.setattr("MiniTwit.review.queue.NEAR", near)
    suspended = [make_user(suspended_at=timezone.now()) for _ in range(3)]
    expected = []
    for day in range(0, 30, 3):
        make_message(pub_date=DAY + timedelta(days=day))
        decided = {"decision": "keep", "decided_at": timezone.now()} if day % 9 == 0 else {}
        found = make_message(suspended[day % 3], pub_date=DAY + timedelta(days=day + 1), **decided)
        flagged = make_waiting(day + 2, author=suspended[2])
        expected += [flagged] if decided else [found, flagged]
    ids = [message.pk for message in expected]
    for place, message in enumerate(expected):
        position = review.position_of(message)
        assert review.waiting(moderator=ann, after=position, limit=3) == ids[place + 1 : place + 4]
        assert review.waiting(moderator=ann, before=position, limit=3) == ids[max(0, place - 3) : place][::-1]
    assert review.waiting(moderator=ann, limit=100) == ids
    assert review.count_waiting().number == len(ids)


def test_the_count_ends_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("MiniTwit.review.queue.COUNTED", 3)
    for number in range(5):
        make_waiting(number)
    assert review.count_waiting().label == "3+"


def test_a_decision_is_in_the_log_and_the_next_one_comes_up(desk: Client, ann: User) -> None:
    first, second = make_waiting(1), make_waiting(2)
    assert item(desk) == first
    response = decide(desk, first, "unflag", reason="Fine", note="meant kindly")
    assert response.context["item"] == second
    assert notice(response) == f"Message {first.pk} unflagged: Fine."
    event = ModerationEvent.objects.get()
    assert (event.message_id, event.verb, event.actor, event.reason, event.note) == (
        first.pk,
        "unflag",
        ann,
        "Fine",
        "meant kindly",
    )
    assert list(ReviewClaim.objects.values_list("message", "moderator")) == [(second.pk, ann.pk)]
    assert "Queue empty" in decide(desk, second, "flag").content.decode()


def test_each_verb_has_a_reason_of_its_own_until_another_is_chosen(desk: Client) -> None:
    ModerationReason.objects.create(name="Nothing wrong", position=0)
    ModerationReason.objects.filter(name="Spam").update(position=1)
    ModerationReason.objects.filter(name="Fine").update(position=2)
    messages = [make_waiting(number) for number in range(5)]
    usual = desk.get(QUEUE).context["usual"]
    assert usual == {"flag": "Spam", "unflag": "Nothing wrong", "keep": "Nothing wrong"}

    def shown(usual: dict[str, str]) -> dict[str, str]:
        return {f"usual_{verb}": reason for verb, reason in usual.items()}

    for message, verb, chosen in zip(
        messages[:4], ["flag", "unflag", "flag", "flag"], ["", "", "Fine", ""], strict=True
    ):
        usual = decide(desk, message, verb, reason=chosen, **shown(usual)).context["usual"]
    log = ModerationEvent.objects.order_by("id").values_list("verb", "reason")
    assert list(log) == [("flag", "Spam"), ("unflag", "Nothing wrong"), ("flag", "Fine"), ("flag", "Fine")]
    assert usual == {"flag": "Fine", "unflag": "Nothing wrong", "keep": "Nothing wrong"}
    # A reason that is no longer offered is not put forward either.
    ModerationReason.objects.filter(name="Fine").update(active=False)
    assert desk.get(QUEUE).context["usual"]["flag"] == "Spam"
    assert "Give a reason" in notice(decide(desk, messages[4], "flag", reason=""))


def test_where_no_reasons_are_listed_staff_write_their_own(client: Client) -> None:
    client.force_login(make_staff(*RIGHTS))
    first, second, _ = make_waiting(1), make_waiting(2), make_waiting(3)
    decide(client, first, "flag", reason="Adverts")
    page = decide(client, second, "unflag", reason="In order").content.decode()
    assert 'name="reason" value="Adverts"' in page


def test_a_decision_of_somebody_else_is_told_and_not_made_twice(desk: Client, bob: User) -> None:
    first, second = make_waiting(1), make_waiting(2)
    assert item(desk) == first
    moderation.unflag(messages=[first], actor=bob, reason="Fine")
    response = decide(desk, first, "flag")
    assert notice(response) == (f"Message {first.pk} was unflagged by bob a moment ago. No second change was made.")
    assert response.context["item"] == second
    assert ModerationEvent.objects.count() == 1
    first.refresh_from_db()
    assert not first.flagged


def test_an_edited_message_is_shown_again_before_it_is_decided(desk: Client) -> None:
    first = make_waiting(1)
    item(desk)
    Message.objects.filter(pk=first.pk).update(text="something else")
    response = decide(desk, first, "flag")
    assert "was edited since you saw it" in notice(response)
    assert "something else" in response.content.decode()
    assert not ModerationEvent.objects.exists()


def test_what_ran_out_and_is_another_moderators_by_now_is_not_decided(desk: Client, bob: User) -> None:
    first, second = make_waiting(1), make_waiting(2)
    item(desk)
    ReviewClaim.objects.update(until=timezone.now())  # later than the transaction began
    assert review.claim_next(moderator=bob) == first
    renewed = post(desk, "renew", message=first.pk).json()
    assert not renewed["held"]
    assert renewed["sentence"] == f"Message {first.pk} is no longer yours: bob has claimed it."
    response = decide(desk, first, "flag")
    assert "ran out, and bob has it now" in notice(response)
    assert response.context["item"] == second
    assert not ModerationEvent.objects.exists()


def test_what_ran_out_but_nobody_took_is_decided_all_the_same(desk: Client) -> None:
    first = make_waiting(1)
    item(desk)
    ReviewClaim.objects.update(until=timezone.now())  # later than the transaction began
    decide(desk, first, "flag")
    assert ModerationEvent.objects.get().verb == "flag"


def test_a_message_that_was_purged_meanwhile_is_told(desk: Client) -> None:
    first = make_waiting(1)
    item(desk)
    moderation.purge(messages=[first], actor=make_superuser(), reason="Gone")
    assert "was deleted meanwhile" in notice(decide(desk, first, "flag"))


def test_flagged_messages_are_not_kept_and_others_not_unflagged(desk: Client) -> None:
    flagged = make_waiting(1)
    assert "leave it flagged with f" in notice(decide(desk, flagged, "keep"))
    plain = make_message(make_user(suspended_at=timezone.now()))
    assert "keep it with o" in notice(decide(desk, plain, "unflag"))
    assert "can be flagged, unflagged or kept" in notice(decide(desk, plain, "purge"))
    assert not ModerationEvent.objects.exists()


def test_moving_decides_nothing_and_lets_go(desk: Client, bob: User) -> None:
    first, second, third = make_waiting(1), make_waiting(2), make_waiting(3)
    item(desk)
    assert post(desk, "move", message=first.pk, to="next").context["item"] == second
    assert review.claim_next(moderator=bob) == first  # free again, while the second is not
    assert post(desk, "move", message=second.pk, to="next").context["item"] == third
    back = post(desk, "move", message=third.pk, to="previous")
    assert back.context["item"] == second
    end = post(desk, "move", message=second.pk, to="previous")  # the first is with bob
    assert end.context["item"] == second
    assert notice(end) == "This is the oldest that waits."
    assert decide(desk, third, "flag").context["item"] == second  # after the last one, what was left


def test_leaving_lets_go(desk: Client, bob: User) -> None:
    first = make_waiting(1)
    item(desk)
    assert review.claim_next(moderator=bob) is None
    assert post(desk, "release", message=first.pk).status_code == 204
    assert review.claim_next(moderator=bob) == first


def test_own_decisions_are_taken_back_one_after_the_other(desk: Client, bob: User) -> None:
    first, second = make_waiting(1), make_waiting(2)
    moderation.flag(messages=[make_waiting(7)], actor=bob, reason="Spam")
    decide(desk, first, "unflag")
    decide(desk, second, "flag")
    response = post(desk, "undo")
    assert response.context["item"] == second
    assert "is as it was" in notice(response)
    assert post(desk, "undo", message=second.pk).context["item"] == first
    for message in (first, second):
        message.refresh_from_db()
        assert (message.flagged, message.decision, message.decided_at) == (True, "", None)
    assert notice(post(desk, "undo", message=first.pk)) == "There is no decision of yours to take back."
    assert list(ModerationEvent.objects.order_by("id").values_list("verb", flat=True)) == [
        *("flag", "unflag", "flag", "undo", "undo")
    ]


def test_a_decision_that_others_changed_since_is_not_taken_back(desk: Client, bob: User) -> None:
    first = make_waiting(1)
    decide(desk, first, "unflag")
    moderation.flag(messages=[first], actor=bob, reason="Spam")
    assert "was changed by others since" in notice(post(desk, "undo"))
    first.refresh_from_db()
    assert first.flagged


def test_an_author_is_warned_from_the_desk(desk: Client) -> None:
    first = make_waiting(1)
    item(desk)
    assert "Write what the author is warned of" in notice(
        post(desk, "warn", message=first.pk, text=" ", reason="Spam")
    )
    for field in ("text", "reason"):
        texts = {"text": "No adverts, please.", "reason": "Spam"} | {field: "No \0."}
        assert post(desk, "warn", message=first.pk, **texts).status_code == 400, "PostgreSQL stores no NUL"
    response = post(desk, "warn", message=first.pk, text="No adverts, please.", reason="Spam")
    assert Strike.objects.get().user == first.author
    assert response.context["item"] == first
    assert response.context["author"]["strikes"] == 1


def test_the_text_is_shown_with_its_hits_marked_and_nothing_of_it_as_markup(desk: Client) -> None:
    make_message(text="<script>alert(1)</script> casino")
    WatchTerm.objects.create(pattern="casino")
    watchlist.scan()
    page = desk.get(QUEUE).content.decode()
    assert '&lt;script&gt;alert(1)&lt;/script&gt; <mark title="casino">casino</mark>' in page
    assert "<script>alert(1)" not in page
    assert "Watch-list: “casino”" in page


def test_around_the_message_are_the_authors_others(desk: Client) -> None:
    author = make_user()
    texts = [make_message(author, f"day {day}", pub_date=DAY + timedelta(days=day)) for day in range(9)]
    Message.objects.filter(pk=texts[4].pk).update(flagged=True, legacy_id=4)
    response = desk.get(QUEUE)
    assert [message.text for message in response.context["neighbours"]] == [
        *("day 7", "day 6", "day 5", "day 3", "day 2", "day 1")
    ]


def test_without_a_script_the_forms_lead_back_to_the_page(desk: Client) -> None:
    first, second = make_waiting(1), make_waiting(2)
    item(desk)
    values = {"message": first.pk, "verb": "flag", "version": "", "reason": "Spam"}
    response = desk.post(f"{QUEUE}decide/", values, follow=True)
    assert response.redirect_chain == [(f"{QUEUE}?message={second.pk}", 302)]
    assert response.context["item"] == second
    assert f"Message {first.pk} flagged: Spam." in response.content.decode()


def test_a_page_loaded_again_shows_the_same_message(desk: Client) -> None:
    first = make_waiting(1)
    make_waiting(2)
    assert item(desk) == item(desk) == first


@pytest.mark.parametrize("deed", ["", "decide/", "move/", "warn/", "undo/", "renew/", "release/"])
def test_the_queue_is_for_moderators(client: Client, deed: str) -> None:
    first = make_waiting(1)
    client.force_login(make_staff("view_message"))
    method = client.post if deed else client.get
    assert method(f"{QUEUE}{deed}", {"message": first.pk, "verb": "flag"}).status_code == 403
    assert not ModerationEvent.objects.exists()
    assert not ReviewClaim.objects.exists()


def test_warning_and_taking_back_need_their_own_permissions(client: Client) -> None:
    first = make_waiting(1)
    client.force_login(make_staff("moderate_message"))
    page = client.get(QUEUE).content.decode()
    assert "Warn the author" not in page
    assert post(client, "warn", message=first.pk, text="No.", reason="Spam").status_code == 403
    assert post(client, "undo").status_code == 403


def test_the_dashboard_says_what_waits(desk: Client) -> None:
    make_waiting(1)
    page = desk.get("/admin/").content.decode()
    assert 'Review queue <span class="rail-count">1</span>' in page
    assert "<strong>1</strong> waiting for review" in page


def test_nobody_gets_a_message_of_their_own_to_review(desk: Client, ann: User, bob: User) -> None:
    own = [make_waiting(number, author=ann) for number in range(25)]  # more than are looked at in one go
    term = WatchTerm.objects.create(kind="word", pattern="number")
    watchlist.scan()
    User.objects.filter(pk=ann.pk).update(suspended_at=DAY, suspended_until=DAY + timedelta(days=1))
    other = make_waiting(30)
    assert item(desk) == other
    page = desk.get(QUEUE, {"message": own[0].pk})
    assert page.context["item"] == other
    refused = post(
        desk, "decide", message=own[0].pk, verb="unflag", version=review.version_of(own[0]), usual_unflag="Fine"
    )
    assert "You cannot moderate your own message." in refused.content.decode()
    own[0].refresh_from_db()
    assert own[0].flagged
    assert term.hits.filter(message=own[0]).exists()
    claimed = review.claim_next(moderator=bob)
    assert claimed == own[0]


def test_what_was_typed_comes_back_with_the_message_when_it_is_not_accepted(desk: Client) -> None:
    message = make_waiting(1)
    seen = review.version_of(item(desk) or message)
    Message.objects.filter(pk=message.pk).update(text="edited meanwhile")
    refused = post(desk, "decide", message=message.pk, verb="flag", version=seen, reason="Fine", note="Looks <odd>.")
    page = refused.content.decode()
    assert "was edited since you saw it" in page
    assert 'name="note" value="Looks &lt;odd&gt;."' in page
    assert "<option selected>Fine</option>" in page
    page = post(desk, "warn", message=message.pk, text="A long warning.", reason="x" * 200).content.decode()
    assert "at most" in page
    assert '<details class="review-warn" open>' in page
    assert "A long warning.</textarea>" in page
    assert "A long warning." not in desk.get(QUEUE).content.decode()
