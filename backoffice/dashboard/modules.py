"""The parts of the first page. A part without anything to show for a user is left out."""

from typing import Any, ClassVar

from django.http import HttpRequest
from django.urls import reverse
from grappelli.dashboard.modules import DashboardModule

from backoffice.dashboard import figures
from backoffice.dashboard.charts import Chart
from backoffice.navigation import waiting
from legacy_import.runs.status import standings
from MiniTwit.models import DailyDecisions, ModerationBatch, Verb
from MiniTwit.moderation.verbs import obstacle_to_undoing, undos_in_force

# The decisions that one series of the chart sums up.
SERIES = {
    "Flagged": (Verb.FLAG,),
    "Kept or unflagged": (Verb.KEEP, Verb.UNFLAG),
    "Accounts": (Verb.SUSPEND, Verb.REINSTATE, Verb.WARN, Verb.ERASE),
    "Edited or deleted": (Verb.EDIT, Verb.PURGE),
}
FIRST_DAY = (
    ("Import the users of the old database", "legacy_import_users"),
    ("Import its messages and follows", "legacy_import_messages"),
    ("Keep a list of reasons", "MiniTwit_moderationreason_changelist"),
    ("Fill the watch-list", "MiniTwit_watchterm_changelist"),
    ("Give a colleague an account and a group", "MiniTwit_user_changelist"),
    ("Make a first decision in the review queue", "MiniTwit_review"),
)


def page(name: str, query: str = "", *args: object) -> str:
    return reverse(f"admin:{name}", args=args) + query


class Part(DashboardModule):
    """A part of the page. `fill` gathers what its template shows, and tells whether that is anything."""

    is_wide: ClassVar[bool] = False
    children: list[Any]
    collapsible = False
    shown = False

    def init_with_context(self, context: Any) -> None:
        request: HttpRequest = context["request"]
        self.shown = self.fill(request)

    def is_empty(self) -> bool:
        return not self.shown

    def fill(self, request: HttpRequest) -> bool:
        raise NotImplementedError


def daily_counts(request: HttpRequest) -> list[DailyDecisions]:
    """The log's counts, which several parts show: asked for once for a page."""
    if not hasattr(request, "daily_counts"):
        request.daily_counts = figures.decisions()  # type: ignore[attr-defined]
    counts: list[DailyDecisions] = request.daily_counts  # type: ignore[attr-defined]
    return counts


class Checklist(Part):
    """What is left to do on the first day, for superusers, until it is done."""

    title = "First steps"
    template = "backoffice/dashboard/checklist.html"
    is_wide = True

    def fill(self, request: HttpRequest) -> bool:
        if not request.user.is_superuser:
            return False
        taken = figures.steps_taken()
        self.children = [(title, page(name), done) for (title, name), done in zip(FIRST_DAY, taken, strict=True)]
        return not all(taken)


class Numbers(Part):
    """The numbers of the day, each leading to what it counts."""

    title = "Today"
    template = "backoffice/dashboard/numbers.html"
    is_wide = True

    def fill(self, request: HttpRequest) -> bool:
        user = request.user
        if user.has_perm("MiniTwit.moderate_message"):
            oldest = figures.oldest_waiting(user)  # type: ignore[arg-type]
            self.add("waiting for review", waiting() or "0", page("MiniTwit_review"), oldest and oldest.pub_date)
        if user.has_perm("MiniTwit.view_moderationevent"):
            counts = daily_counts(request)
            events = "MiniTwit_moderationevent_changelist"
            self.add("decided today (UTC)", f"{figures.since(counts, 1):,}", page(events))
            flagged = figures.since(counts, figures.WEEK, Verb.FLAG)
            self.add("flagged in 7 days", f"{flagged:,}", page(events, "?verb__exact=flag"))
        if user.has_perm("MiniTwit.view_user"):
            self.add("accounts suspended", figures.suspended(), page("MiniTwit_user_changelist", "?suspended=yes"))
        return bool(self.children)

    def add(self, title: str, number: str, url: str, oldest: Any = None) -> None:
        self.children = [*(self.children or []), {"title": title, "number": number, "url": url, "oldest": oldest}]


class LegacyImports(Part):
    """The two import buttons with their state, for those who may import."""

    title = "Import the old database"
    template = "backoffice/dashboard/imports.html"

    def fill(self, request: HttpRequest) -> bool:
        if request.user.has_perm("legacy_import.run_legacy_import"):
            self.children = standings()
        return bool(self.children)


class Feed(Part):
    """What the team decided last, with the way to undo it."""

    title = "Newest decisions of the team"
    template = "backoffice/dashboard/feed.html"

    def fill(self, request: HttpRequest) -> bool:
        if not request.user.has_perm("MiniTwit.view_moderationbatch"):
            return False
        may_undo = request.user.has_perm("MiniTwit.undo_moderationbatch")
        self.children = [line_of(batch, may_undo=may_undo) for batch in figures.newest_batches()]
        return True


def line_of(batch: ModerationBatch, *, may_undo: bool) -> dict[str, Any]:
    """One line of the feed, e.g. "mo flagged 6 messages · Spam"."""
    rules = Verb(batch.verb).rules
    word = rules.subject.label
    can_be_undone = may_undo and not obstacle_to_undoing(batch)
    return {
        "batch": batch,
        "url": page("MiniTwit_moderationbatch_change", "", batch.pk),
        "done": f"{rules.past_tense} {batch.named:,} {word}{'' if batch.named == 1 else 's'}",
        "undo_url": page("MiniTwit_moderationbatch_undo", "", batch.pk) if can_be_undone else "",
        "is_undone": bool(undos_in_force(batch)),
    }


class Charts(Part):
    """Decisions and messages of 30 days."""

    title = "The last 30 days"
    template = "backoffice/dashboard/charts.html"
    is_wide = True

    def fill(self, request: HttpRequest) -> bool:
        self.children = []
        if request.user.has_perm("MiniTwit.view_moderationevent"):
            self.children.append(decisions_chart(daily_counts(request)))
        if request.user.has_perm("MiniTwit.view_message"):
            self.children.append(messages_chart())
        return any(chart.total for chart in self.children)


def decisions_chart(counts: list[DailyDecisions]) -> Chart:
    series = {}
    for name, verbs in SERIES.items():
        numbers: dict[Any, int] = {}
        for count in counts:
            if count.verb in verbs:
                numbers[count.day] = numbers.get(count.day, 0) + count.number
        series[name] = numbers
    return Chart.of("Decisions a day", figures.last_days(figures.today()), series)


def messages_chart() -> Chart:
    """The last 30 days; on a site that has had no message for longer, the 30 days up to its newest one."""
    newest = figures.newest_message() or figures.today()
    recent = figures.today() if newest > figures.last_days(figures.today())[0] else newest
    counts = figures.messages_by_day(recent)
    kept = {day: number - flagged for day, (number, flagged) in counts.items()}
    title = (
        "Messages a day" if recent == figures.today() else f"Messages a day, up to the newest of {recent:%-d %b %Y}"
    )
    return Chart.of(
        title,
        figures.last_days(recent),
        {"Flagged": {day: flagged for day, (_, flagged) in counts.items()}, "Not flagged": kept},
    )


class Moderators(Part):
    """Who decided how much, for superusers and Auditors."""

    title = "Decisions of 7 days, by moderator"
    template = "backoffice/dashboard/moderators.html"

    def fill(self, request: HttpRequest) -> bool:
        user = request.user
        if not user.has_perm("MiniTwit.export_moderationevent") or not user.has_perm("admin.view_logentry"):
            return False
        self.children = figures.by_moderator(daily_counts(request))
        return bool(self.children)


class HealthOfSite(Part):
    """Whether the site works, for those who run it."""

    title = "State of the site"
    template = "backoffice/dashboard/health.html"

    def fill(self, request: HttpRequest) -> bool:
        self.health = figures.health() if request.user.has_perm("legacy_import.view_importrun") else None
        return self.health is not None
