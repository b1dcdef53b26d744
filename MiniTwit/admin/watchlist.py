"""The watch-list: its terms, what each of them found, and how far the scan is."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString

from MiniTwit import watchlist
from MiniTwit.admin.forms.posting import page_named, post_only
from MiniTwit.admin.forms.versions import VersionedAdmin, VersionedForm
from MiniTwit.admin.lists.large_tables import LargeTableAdmin, mark, zoned
from MiniTwit.admin.lists.read_only import ReadOnlyAdmin
from MiniTwit.admin.lists.way_back import keep_filters
from MiniTwit.admin.pages import OwnPagesMixin, list_link, object_link
from MiniTwit.admin.screens import ScreenMixin
from MiniTwit.instants import shown_time
from MiniTwit.models import Message, SkippedMessage, WatchHit, WatchTerm

COUNTED_HITS = 1_000  # of each term; more are "1,000+"
SHOWN_SKIPPED = 20  # messages
SHOWN_TEXT = 260  # characters around a hit


class BoundedCount(Subquery):
    """How many rows a sliced query gives: the slice is the most that is counted."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def bounded(number: int) -> str:
    return f"{number:,}" if number <= COUNTED_HITS else f"{COUNTED_HITS:,}+"


class WatchTermForm(VersionedForm):
    class Meta:
        model = WatchTerm
        fields = ["kind", "pattern", "note", "active"]
        help_texts = {
            "kind": "A word is found as a whole: “win” is not found in “window”. A phrase is found anywhere, with "
            "any space between its words. In both, letters that look alike are the same, however they are written. A "
            "regular expression is PostgreSQL's; it is matched against the text, or else against its plain letters. "
            "Upper and lower case never matter.",
            "active": "Look for it in new messages.",
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("kind") and cleaned.get("pattern"):
            try:
                watchlist.check(cleaned["kind"], cleaned["pattern"])
            except watchlist.PatternError as error:
                raise ValidationError({"pattern": str(error)}) from error
        return cleaned

    @property
    def means_something_else(self) -> bool:
        return bool({"kind", "pattern"} & set(self.changed_data))


@admin.register(WatchTerm)
class WatchTermAdmin(ScreenMixin, VersionedAdmin, OwnPagesMixin):
    list_title = "Watch-list"
    form = WatchTermForm
    list_display = ["pattern", "kind", "active", "hits_found", "state", "note", "created_by_name"]
    list_filter = ["kind", "active"]
    search_fields = ["pattern", "note"]
    search_help_text = "Part of a term or of its note."
    ordering = ["pattern", "id"]
    list_per_page = 50
    actions = None
    change_list_template = "admin/MiniTwit/watchterm/watch_list.html"
    change_form_template = "admin/MiniTwit/watchterm/watch_term.html"

    class Media:
        css = {"all": ["MiniTwit/watchlist.css"]}
        js = ["MiniTwit/watchlist.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WatchTerm]:
        hits = WatchHit.objects.filter(term=OuterRef("pk")).values("pk")
        skipped = SkippedMessage.objects.filter(term=OuterRef("pk")).values("pk")
        newest = Message.objects.order_by("-pk").values("pk")[:1]
        return (
            super()
            .get_queryset(request)
            .annotate(
                hit_count=BoundedCount(hits[: COUNTED_HITS + 1]),
                skipped_count=BoundedCount(skipped[: COUNTED_HITS + 1]),
                newest_message=Subquery(newest),
            )
        )

    @admin.display(description="hits")
    def hits_found(self, term: Any) -> SafeString:
        return list_link("watchhit", f"term__id__exact={term.pk}", bounded(term.hit_count))

    @admin.display(description="scan")
    def state(self, term: Any) -> str | SafeString:
        if term.error:
            return format_html('<span class="watch-error">{}</span>', term.error)
        if not term.active:
            return "switched off"
        last = term.newest_message or 0
        if term.scanned_through < last:
            return f"{100 * term.scanned_through // last} % looked through"
        if term.skipped_count:
            address = self.page_url("change", term.pk)
            number = bounded(term.skipped_count)
            return format_html('<a class="watch-error" href="{}">{} could not be looked through</a>', address, number)
        return "all looked through"

    def get_urls(self) -> list[URLPattern]:
        the_list = page_named(self.url_name("changelist"))
        return [
            self.page_path("test/", post_only(self.test_view, the_list), "test"),
            self.page_path("scan/", post_only(self.scan_view, the_list), "scan"),
            self.page_path("standing/", self.standing_view, "standing"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if self.has_change_permission(request):
            watchlist.request_scan_if_behind()
        context = {"standing": watchlist.standing(), "may_scan": self.has_change_permission(request)}
        return super().changelist_view(request, context | (extra_context or {}))

    def test_view(self, request: HttpRequest) -> JsonResponse:
        """What the term in the form would find; nothing is saved."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        form = WatchTermForm(request.POST)
        pattern = form["pattern"].value() or ""
        try:
            matching, looked_at = watchlist.preview(form["kind"].value() or "", str(pattern).strip())
        except watchlist.PatternError as error:
            return JsonResponse({"ok": False, "sentence": str(error)})
        return JsonResponse({"ok": True, "sentence": f"Matches {matching:,} of the newest {looked_at:,} messages."})

    def scan_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        watchlist.request_scan()
        self.message_user(request, "New messages will be looked through in the background.", messages.SUCCESS)
        return HttpResponseRedirect(self.page_url("changelist"))

    def standing_view(self, request: HttpRequest) -> JsonResponse:
        """How far the scan is, for the line above the list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        standing = watchlist.standing()
        return JsonResponse(
            {"sentence": standing.sentence, "behind": standing.is_behind, "percent": standing.percent}
        )

    def save_model(self, request: HttpRequest, obj: WatchTerm, form: Any, change: bool) -> None:
        """Write changed columns only: a scan may be moving the term's watermark at this moment."""
        if not change:
            obj.created_by_name = request.user.get_username()
            obj.save()
        else:
            obj.error = ""
            obj.save(update_fields=[*form.changed_data, "error"])
            self.tell_what_was_kept(request, form)
            if "active" in form.changed_data and obj.active:
                watchlist.start_over(obj)
            if form.means_something_else:
                watchlist.start_afresh(obj)
        watchlist.request_scan()

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """With the messages that could not be looked through, newest first."""
        if obj is not None and obj.skipped_count:
            ids = list(obj.skipped.order_by("-message_id").values_list("message_id", flat=True)[:SHOWN_SKIPPED])
            shown = Message.objects.filter(pk__in=ids).order_by("-pk").values_list("pk", flat=True)
            context |= {"skipped": list(shown), "skipped_count": bounded(obj.skipped_count)}
        response: HttpResponse = super().render_change_form(request, context, add, change, form_url, obj)
        return response

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Replace Django's own page, which would load every hit."""
        term = self.get_object(request, unquote(object_id))
        if term is None:
            raise Http404("There is no such watched term; it may have been deleted.")
        if not self.has_delete_permission(request, term):
            raise PermissionDenied
        if request.method == "POST":
            self.delete_term(request, term)
            return keep_filters(request, HttpResponseRedirect(self.page_url("changelist")))
        template = "admin/MiniTwit/watchterm/delete.html"
        return self.show(request, template, "Delete a watched term", term=term, hits=self.hits_found(term))

    def delete_term(self, request: HttpRequest, term: WatchTerm) -> None:
        pattern = str(term)
        with transaction.atomic():
            self.log_deletions(request, self.model.objects.filter(pk=term.pk))
            at_once = watchlist.delete_term(term)
        if at_once:
            self.message_user(request, f"“{pattern}” and its hits were deleted.", messages.SUCCESS)
        else:
            sentence = f"“{pattern}” is switched off; it is deleted in the background, because it has very many hits."
            self.message_user(request, sentence, messages.INFO)


@admin.register(WatchHit)
class WatchHitAdmin(ReadOnlyAdmin, LargeTableAdmin):
    """The hits. The scan and the decisions change them, this screen does not."""

    list_display = ["marked_text", "author_name", "published", "term", "standing"]
    list_display_links = None
    list_filter = ["waiting", "term"]
    list_select_related = ["term", "message__author"]
    ordering = ["-message"]
    sortable_by = ["marked_text"]
    actions = None

    class Media:
        css = {"all": ["MiniTwit/watchlist.css"]}

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms(["MiniTwit.view_watchhit", "MiniTwit.view_message"])

    @admin.display(description="message", ordering="message")
    def marked_text(self, hit: WatchHit) -> SafeString:
        """The text around what was found, leading to the message."""
        text = hit.message.text
        place = max(0, text.find(hit.found[0]) - 60) if hit.found else 0
        end = place + SHOWN_TEXT
        around = f"{'…' if place else ''}{text[place:end]}{'…' if end < len(text) else ''}"
        return object_link("message", hit.message_id, watchlist.mark(around, [hit]))

    @admin.display(description=zoned("published"))
    def published(self, hit: WatchHit) -> str:
        return shown_time(hit.pub_date)

    @admin.display(description="decision")
    def standing(self, hit: WatchHit) -> SafeString:
        return mark("waits") if hit.waiting else format_html('<span class="quiet">{}</span>', "decided")

    @admin.display(description="author")
    def author_name(self, hit: WatchHit) -> SafeString:
        return object_link("user", hit.message.author_id, hit.message.author)
