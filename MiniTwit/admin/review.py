"""The review queue: one message at a time, large, with a key for each decision.

Every form works by itself and leads back to the page. The script sends the same forms in the background and puts the
answer, the desk as it then is, in place of the old one.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from psycopg2 import sql

from MiniTwit import review, text_ids, watchlist
from MiniTwit.admin.deciding.permissions import actor_of, may
from MiniTwit.admin.forms.drafts import keep_draft, take_draft
from MiniTwit.admin.forms.posting import page_named, post_only
from MiniTwit.admin.lists.read_only import ReadOnlyAdmin
from MiniTwit.database.queries import rows_of
from MiniTwit.ids import id_in
from MiniTwit.models import Message, ModerationEvent, ModerationReason, ReviewClaim, Strike, User, Verb
from MiniTwit.review import Position, Refusal
from MiniTwit.review.claims import held_by, waiting_message

REASONS = "review_reasons"  # of the session: what was chosen last, by verb
DECISIONS = "review_decisions"  # of the session: (batch, message) of what can be taken back, the last one at the end
DECISIONS_KEPT = 50

NEXT_SHOWN = 8
EVENTS_SHOWN = 8
NEIGHBOURS = 3  # on either side
AUTHOR_MESSAGES = 1_000  # counted at most
NOTHING_WRONG = "Nothing wrong"  # the reason, as the fixture brings it, for leaving a message on show

Notice = tuple[int, str]


@admin.register(ReviewClaim)
class ReviewQueueAdmin(ReadOnlyAdmin):
    """Shows the queue in place of a list of claims."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, Verb.FLAG)

    def get_urls(self) -> list[URLPattern]:
        def page(view: Callable[..., HttpResponse]) -> Callable[..., Any]:
            return self.admin_site.admin_view(never_cache(partial(self.permitted, view)))

        def form(view: Callable[..., HttpResponse]) -> Callable[..., Any]:
            answer = never_cache(partial(self.permitted, view))
            return self.admin_site.admin_view(post_only(answer, page_named("admin:MiniTwit_review")))

        return [
            path("", page(require_GET(self.queue_view)), name="MiniTwit_review"),
            # By this name the admin's own lists of screens find the page.
            path("", page(require_GET(self.queue_view)), name="MiniTwit_reviewclaim_changelist"),
            path("decide/", form(self.decide_view), name="MiniTwit_review_decide"),
            path("move/", form(self.move_view), name="MiniTwit_review_move"),
            path("warn/", form(self.warn_view), name="MiniTwit_review_warn"),
            path("undo/", form(self.undo_view), name="MiniTwit_review_undo"),
            path("renew/", form(self.renew_view), name="MiniTwit_review_renew"),
            path("release/", form(self.release_view), name="MiniTwit_review_release"),
        ]

    def permitted(self, view: Callable[..., HttpResponse], request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return view(request)

    def queue_view(self, request: HttpRequest) -> HttpResponse:
        """The page: the message that the moderator has claimed, or else the oldest that waits."""
        watchlist.request_scan_if_behind()
        asked_for = id_in(request.GET.get("message"))
        message = None
        if asked_for and review.claim(moderator=actor_of(request), message_id=asked_for):
            message = waiting_message(asked_for)
        message = message or held_by(actor_of(request)) or review.claim_next(moderator=actor_of(request))
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Review queue"}
        return render(request, "admin/MiniTwit/review/queue.html", context | self.desk(request, message))

    def decide_view(self, request: HttpRequest) -> HttpResponse:
        message_id, verb = id_in(request.POST.get("message")), request.POST.get("verb", "")
        place = place_of(message_id)
        # Without a choice it is the reason on the button.
        reason = request.POST.get("reason", "") or request.POST.get(f"usual_{verb}", "")
        try:
            batch = review.decide(
                moderator=actor_of(request),
                message_id=message_id,
                verb=verb,
                version=request.POST.get("version", ""),
                reason=reason,
                note=request.POST.get("note", ""),
            )
        except Refusal as refusal:
            keep_draft(request, panel(message_id, "decide"))
            still_there = self.taken(request, message_id)
            return self.answer(
                request, still_there or self.following(request, place), (messages.WARNING, str(refusal))
            )
        self.remember(request, batch.pk, message_id)
        request.session[REASONS] = request.session.get(REASONS, {}) | {verb: batch.reason}
        notice = (messages.SUCCESS, f"Message {message_id} {Verb(verb).rules.past_tense}: {batch.reason}.")
        return self.answer(request, self.following(request, place), notice)

    def move_view(self, request: HttpRequest) -> HttpResponse:
        """On to the next, or back, without deciding."""
        place = place_of(id_in(request.POST.get("message")))
        back = request.POST.get("to") == "previous"
        if back and place:
            message = review.claim_next(moderator=actor_of(request), before=place)
        else:
            message = self.following(request, place, wrap=False)
        if message is not None:
            return self.answer(request, message)
        shown = self.taken(request, place.message_id if place else 0) or self.following(request, place)
        end = "This is the oldest that waits." if back else "Nothing newer waits."
        return self.answer(request, shown, (messages.INFO, end))

    def warn_view(self, request: HttpRequest) -> HttpResponse:
        if not may(request.user, Verb.WARN):
            raise PermissionDenied
        message_id = id_in(request.POST.get("message"))
        try:
            batch = review.warn_author(
                moderator=actor_of(request),
                message_id=message_id,
                text=request.POST.get("text", ""),
                reason=request.POST.get("reason", ""),
            )
        except Refusal as refusal:
            keep_draft(request, panel(message_id, "warn"))
            notice = (messages.WARNING, str(refusal))
        else:
            self.remember(request, batch.pk, message_id)
            notice = (messages.SUCCESS, "The author was warned. The message still waits for its decision.")
        message = self.taken(request, message_id) or self.following(request, place_of(message_id))
        return self.answer(request, message, notice)

    def undo_view(self, request: HttpRequest) -> HttpResponse:
        """Take back the moderator's own last decision, and show what it was about."""
        if not may(request.user, Verb.UNDO):
            raise PermissionDenied
        shown_id = id_in(request.POST.get("message"))
        decisions = request.session.get(DECISIONS, [])
        if not decisions:
            message = self.taken(request, shown_id) or self.following(request, place_of(shown_id))
            return self.answer(request, message, (messages.INFO, "There is no decision of yours to take back."))
        batch_id, message_id = decisions.pop()
        request.session[DECISIONS] = decisions
        try:
            undone = review.undo_decision(moderator=actor_of(request), batch_id=batch_id)
        except Refusal as refusal:
            notice = (messages.WARNING, str(refusal))
        else:
            if undone.changed:
                notice = (messages.SUCCESS, f"Taken back: message {message_id} is as it was.")
            else:
                notice = (
                    messages.WARNING,
                    f"Message {message_id} was changed by others since; nothing was taken back.",
                )
        message = self.taken(request, message_id) or self.taken(request, shown_id)
        return self.answer(request, message or self.following(request, place_of(shown_id)), notice)

    def renew_view(self, request: HttpRequest) -> JsonResponse:
        """Keep the message while the page is open; say so when it is another moderator's by now."""
        message_id = id_in(request.POST.get("message"))
        if review.claim(moderator=actor_of(request), message_id=message_id):
            return JsonResponse({"held": True})
        holder = review.claimed_by(message_id)
        who = f"{holder} has claimed it" if holder else "it is being decided about, or gone"
        return JsonResponse({"held": False, "sentence": f"Message {message_id} is no longer yours: {who}."})

    def release_view(self, request: HttpRequest) -> HttpResponse:
        """Release the message when the page is left."""
        review.release(moderator=actor_of(request), message_id=id_in(request.POST.get("message")))
        return HttpResponse(status=204)

    def taken(self, request: HttpRequest, message_id: int) -> Message | None:
        """The message, if it waits and the moderator can have it."""
        if not review.claim(moderator=actor_of(request), message_id=message_id):
            return None
        message = waiting_message(message_id)
        review.release(moderator=actor_of(request), all_but=message_id if message else None)
        return message

    def following(self, request: HttpRequest, place: Position | None, wrap: bool = True) -> Message | None:
        """The next message after a place; at the end of the queue what was left at its beginning."""
        message = review.claim_next(moderator=actor_of(request), after=place)
        if message is None and wrap:
            message = review.claim_next(moderator=actor_of(request))
        return message

    def remember(self, request: HttpRequest, batch_id: int, message_id: int) -> None:
        decisions = [*request.session.get(DECISIONS, []), (batch_id, message_id)]
        request.session[DECISIONS] = decisions[-DECISIONS_KEPT:]

    def desk(self, request: HttpRequest, message: Message | None) -> dict[str, Any]:
        session = request.session
        typed = {form: take_draft(request, panel(message.pk, form)) for form in ("decide", "warn")} if message else {}
        return desk_of(message, actor_of(request), session.get(REASONS, {})) | {
            "typed": typed,
            "undoable": len(session.get(DECISIONS, [])),
        }

    def answer(self, request: HttpRequest, message: Message | None, notice: Notice | None = None) -> HttpResponse:
        """The desk: alone for the script, else with its page."""
        if request.headers.get("X-Requested-With") == "fetch":
            tags = {messages.SUCCESS: "success", messages.WARNING: "warning"}
            told = {"level": tags.get(notice[0], "info"), "sentence": notice[1]} if notice else None
            context = self.desk(request, message) | {"notice": told}
            return render(request, "admin/MiniTwit/review/desk.html", context)
        if notice:
            self.message_user(request, notice[1], notice[0])
        query = f"?{urlencode({'message': message.pk})}" if message else ""
        return HttpResponseRedirect(reverse("admin:MiniTwit_review") + query)


def panel(message_id: int, form: str) -> str:
    """The name of a form at the desk, for what was typed into it."""
    return f"review {message_id} {form}"


def place_of(message_id: int) -> Position | None:
    """The place of a message in the queue, whether or not it still waits; None when it is gone."""
    message = Message.objects.only("pub_date").filter(pk=message_id).first()
    return review.position_of(message) if message else None


# What the desk shows about a message: enough to decide, within one screen.


def desk_of(message: Message | None, moderator: User, last_reasons: Mapping[str, str]) -> dict[str, Any]:
    """The template's context. `message` comes with author and hits; `last_reasons` are those given last, by verb."""
    context: dict[str, Any] = {"count": review.count_waiting(), "claim_seconds": review.CLAIM_TIME.seconds}
    if message is None:
        return context | {"item": None}
    reasons = list(ModerationReason.objects.filter(active=True).values_list("name", flat=True))
    return context | {
        "item": message,
        "old_id": text_ids.old_id("message", message.legacy_id),
        "version": review.version_of(message),
        "text": watchlist.mark(message.text, list(message.watch_hits.all())),
        "wait_reasons": review.wait_reasons_of(message),
        "author": author_facts(message.author_id),
        "events": ModerationEvent.objects.filter(message=message.pk).order_by("-id")[:EVENTS_SHOWN],
        "neighbours": neighbours_of(message),
        "next_ones": next_ones(message, moderator),
        "reasons": reasons,
        "usual": usual_reasons(reasons, last_reasons),
    }


AUTHOR_FACTS = """
SELECT count(*), count(*) FILTER (WHERE flagged),
    (SELECT count(*) FROM {strike} WHERE user_id = %(author)s AND revoked_at IS NULL)
FROM (
    SELECT flagged FROM {message} WHERE author_id = %(author)s ORDER BY pub_date DESC, id DESC LIMIT %(limit)s
) AS newest
"""


def author_facts(author_id: int) -> dict[str, Any]:
    """Counts of the author's newest messages: the index gives them, however many there are."""
    tables = {"message": sql.Identifier(Message._meta.db_table), "strike": sql.Identifier(Strike._meta.db_table)}
    values = {"author": author_id, "limit": AUTHOR_MESSAGES + 1}
    ((number, flagged, strikes),) = rows_of(sql.SQL(AUTHOR_FACTS).format(**tables), values)
    return {
        "messages": f"{number:,}" if number <= AUTHOR_MESSAGES else f"{AUTHOR_MESSAGES:,}+",
        "flagged": f"{flagged:,}",
        "strikes": strikes,
    }


def neighbours_of(message: Message) -> QuerySet[Message]:
    """The author's messages just before and just after, newest first."""
    others = Message.objects.filter(author=message.author_id)
    moment, number = message.pub_date, message.pk
    # The first condition is the one that the index by author and date can begin at.
    before = others.filter(Q(pub_date__lte=moment), Q(pub_date__lt=moment) | Q(pk__lt=number))
    after = others.filter(Q(pub_date__gte=moment), Q(pub_date__gt=moment) | Q(pk__gt=number))
    older = before.order_by("-pub_date", "-id")[:NEIGHBOURS]
    newer = after.order_by("pub_date", "id")[:NEIGHBOURS]
    return older.union(newer, all=True).order_by("-pub_date", "-id")


def next_ones(message: Message, moderator: User) -> list[Message]:
    """The next messages of the queue."""
    ids = review.waiting(moderator=moderator, after=review.position_of(message), limit=NEXT_SHOWN)
    found = Message.objects.select_related("author").in_bulk(ids)
    return [found[message_id] for message_id in ids if message_id in found]


def usual_reasons(reasons: Sequence[str], last_reasons: Mapping[str, str]) -> dict[str, str]:
    """The reason that goes with each verb when none is chosen: what was given last, or else what suits the verb.

    Args:
        reasons: those that can be chosen. Without any, staff write reasons of their own.
    """
    wrong = [name for name in reasons if name != NOTHING_WRONG]
    right = [name for name in reasons if name == NOTHING_WRONG]
    usual = {}
    for verb, suitable in ((Verb.FLAG, wrong + right), (Verb.UNFLAG, right + wrong), (Verb.KEEP, right + wrong)):
        last = last_reasons.get(verb, "")
        is_offered = last in reasons or not reasons
        usual[verb.value] = last if last and is_offered else next(iter(suitable), "")
    return usual
