"""Pages of lists that may have millions of rows: nothing here ever reads a whole table."""

import json
from math import ceil

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

# How many rows are counted exactly, and how many can be paged through. OFFSET reads every row it skips, so what lies
# deeper is reached by searching, by a filter, or by sorting the other way round.
REACH = 10_000


class EstimatePaginator(Paginator):
    """Counts up to `REACH` rows exactly. Beyond, a whole table is estimated and a filtered list is "more than"."""

    object_list: QuerySet

    @cached_property
    def count(self) -> int:
        counted = self.object_list.order_by().values("pk")[: REACH + 1].count()
        return counted if counted <= REACH or self.is_filtered else max(counted, self.estimate())

    @cached_property
    def num_pages(self) -> int:
        return min(super().num_pages, ceil(REACH / self.per_page))

    @property
    def is_filtered(self) -> bool:
        return bool(self.object_list.query.has_filters()) or self.object_list.query.distinct

    @property
    def is_cut_short(self) -> bool:
        """Are there rows that no page shows?"""
        return self.count > REACH

    @property
    def count_label(self) -> str:
        """The count as a person reads it."""
        if not self.is_cut_short:
            return f"{self.count:,}"
        if self.is_filtered:
            return f"more than {REACH:,}"
        insignificant = len(str(self.count)) - 3
        return f"about {round(self.count, -insignificant):,}"

    def estimate(self) -> int:
        """How many rows the planner expects in the whole table.

        It scales the last ANALYZE to the table's present size, and knows the size even before the first ANALYZE,
        when `pg_class.reltuples` is still -1.
        """
        plan = self.object_list.model._base_manager.all().explain(format="json")
        return int(json.loads(plan)[0]["Plan"]["Plan Rows"])
