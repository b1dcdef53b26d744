"""The filters of the lists. Each names its parameters, so that a saved filter holds nothing else."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.safestring import SafeString

from MiniTwit.admin.forms.id_select import IdSelect
from MiniTwit.ids import id_in
from MiniTwit.models import Strike, User, WatchHit, WatchTerm

LISTED_TERMS = 200  # of the watch-list, in a filter's choices


class ParameterFilter(admin.ListFilter):
    """A filter with parameters and a template of its own.

    Attributes:
        parameters: their names; those of a filter for any field are made of its name or its title.
        values: their values; empty where the address has none.
        others: the other parameters of the address, for the filter's form.
    """

    parameters: ClassVar[tuple[str, ...]]

    @classmethod
    def on(cls, field_name: str, title: str = "") -> "type[ParameterFilter]":
        """The filter for one field."""
        names = {"field_name": field_name, "title": title or field_name}
        parameters = tuple(parameter.format(**names) for parameter in cls.parameters)
        return type(cls.__name__, (cls,), {**names, "parameters": parameters})

    def __init__(self, request: HttpRequest, params: dict[str, list[str]], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.request = request
        self.model_admin = model_admin
        self.values = {name: params.pop(name, [""])[-1].strip() for name in self.parameters}
        self.used_parameters = {name: value for name, value in self.values.items() if value}

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameters)

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """The template's context: the rest of the address, and the address without this filter."""
        self.others = [(name, value) for name, value in changelist.params.items() if name not in self.parameters]
        self.clear_url = changelist.get_query_string(remove=list(self.parameters))
        return iter(())


class ImportRunFilter(ParameterFilter):
    """Rows that one import brought, by its number, or those that were created in this application."""

    title = "import"
    parameters = ("import_run",)
    template = "admin/MiniTwit/filter_import_run.html"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet | None:
        run = self.values["import_run"]
        if not run:
            return None
        if run.lower() == "here":
            return queryset.filter(import_run=None)
        if 0 < id_in(run) < 2**31:
            return queryset.filter(import_run=id_in(run))
        messages.error(request, f"“{run}” is not the number of an import.")
        return queryset.none()


class NumberFilter(ParameterFilter):
    """Rows that refer to one object, by its number."""

    parameters = ("{field_name}",)
    template = "admin/MiniTwit/filter_number.html"

    @property
    def of_what(self) -> str:
        return f"a {self.title}"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet | None:
        ((name, text),) = self.values.items()
        if not text:
            return None
        if number := id_in(text):
            return queryset.filter(**{name: number})
        messages.error(request, f"“{text}” is not the number of {self.of_what}.")
        return queryset.none()


class AccountSelect(IdSelect):
    """Shows that no account is chosen, where Django's own widget is empty."""

    def build_attrs(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().build_attrs(*args, **kwargs) | {"data-placeholder": "Any account"}


class AccountFilter(NumberFilter):
    """Rows of one account, by a foreign key, chosen by autocompletion."""

    field_name: ClassVar[str]
    parameters = ("{field_name}__id__exact",)
    template = "admin/MiniTwit/filter_account.html"
    of_what = "an account"

    def __init__(self, request: HttpRequest, params: dict[str, list[str]], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        (self.parameter,) = self.parameters
        self.may_choose = request.user.has_perm("MiniTwit.view_user")

    @property
    def chosen(self) -> int | None:
        """The account's id, if the address holds one."""
        return id_in(self.values[self.parameter]) or None

    def widget(self) -> SafeString:
        select = AccountSelect(
            self.model_admin.opts.get_field(self.field_name),
            self.model_admin.admin_site,
            attrs={"data-submits": "1", "id": f"filter_{self.field_name}"},
        )
        field = forms.ModelChoiceField(User.objects.all(), required=False, widget=select)
        return field.widget.render(self.parameter, self.chosen)


class SpanFilter(ParameterFilter):
    """Rows of a usual span of time, or from one day to another, both included.

    Attributes:
        field_name: the date that counts.
        parameters: the one that names a span, then `from` and `to`.
    """

    field_name: ClassVar[str]
    parameters = ("{title}", "from", "to")
    template = "admin/MiniTwit/filter_span.html"
    SPANS: ClassVar[dict[str, str]] = {
        "": "Any time",
        "today": "Today",
        "7days": "Last 7 days",
        "30days": "Last 30 days",
        "year": "This year",
        "lastyear": "Last year",
    }

    @property
    def span_parameter(self) -> str:
        return self.parameters[0]

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        super().choices(changelist)
        for name, title in self.SPANS.items():
            address = {self.span_parameter: name or None, "from": None, "to": None}
            yield {
                "selected": self.values[self.span_parameter] == name,
                "query_string": changelist.get_query_string(address),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet | None:
        try:
            first, last = self.days()
        except ValueError as error:
            messages.error(request, str(error))
            return queryset.none()
        if first:
            queryset = queryset.filter(**{f"{self.field_name}__gte": beginning_of(first)})
        if last:
            after = beginning_of(last + timedelta(days=1))
            queryset = queryset.filter(**{f"{self.field_name}__lt": after})
        return queryset

    def days(self) -> tuple[date | None, date | None]:
        """The first and the last day.

        Raises:
            ValueError: with a sentence for the user who typed them.
        """
        today = timezone.localdate()
        spans: dict[str, tuple[date | None, date | None]] = {
            "": (self.day("from"), self.day("to")),
            "today": (today, None),
            "7days": (today - timedelta(days=6), None),
            "30days": (today - timedelta(days=29), None),
            "year": (date(today.year, 1, 1), None),
            "lastyear": (date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)),
        }
        span = self.values[self.span_parameter]
        if span not in spans:
            raise ValueError(f"“{span}” is not a span of time that this list knows.")
        return spans[span]

    def day(self, name: str) -> date | None:
        text = self.values[name]
        if not text:
            return None
        try:
            day = parse_date(text)
        except ValueError:
            day = None
        if day is None or not 1 < day.year < 9999:
            raise ValueError(f"“{text}” is not a date; write it like 2024-05-31.")
        return day


def beginning_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


class YesNoFilter(admin.SimpleListFilter):
    """Rows that meet a condition, or those that do not."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No")]

    def condition(self) -> Q | Exists:
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet | None:
        match self.value():
            case None:
                return None
            case "yes":
                return queryset.filter(self.condition())
            case "no":
                return queryset.filter(~self.condition())
        return queryset.none()


class ReviewedFilter(YesNoFilter):
    title = parameter_name = "reviewed"

    def condition(self) -> Q:
        return Q(decided_at__isnull=False)


class SuspendedFilter(YesNoFilter):
    title = parameter_name = "suspended"

    def condition(self) -> Q:
        return Q(suspended_at__isnull=False) & (Q(suspended_until=None) | Q(suspended_until__gt=timezone.now()))


class StrikesFilter(YesNoFilter):
    title = parameter_name = "strikes"

    def condition(self) -> Exists:
        return Exists(Strike.objects.filter(user=OuterRef("pk"), revoked_at=None))


class WatchHitFilter(admin.SimpleListFilter):
    """Messages in which a watched term was found: any, or a certain one."""

    title = "watch-list"
    parameter_name = "watch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        terms = WatchTerm.objects.order_by("pattern")[:LISTED_TERMS]
        return [("any", "Any term"), *((str(term.pk), term.pattern) for term in terms)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet | None:
        term = self.value()
        if term is None:
            return None
        hits = WatchHit.objects.filter(message=OuterRef("pk"))
        if term == "any":
            return queryset.filter(Exists(hits))
        # Most messages are newer than the hits of an old term: without its dates each of them would be looked at.
        dates = WatchHit.objects.filter(term=id_in(term)).aggregate(first=Min("pub_date"), last=Max("pub_date"))
        if dates["first"] is None:
            return queryset.none()
        return queryset.filter(Exists(hits.filter(term=id_in(term))), pub_date__range=(dates["first"], dates["last"]))
