"""The skeleton of a column."""

from typing import Any

from django.db.models import Func, TextField


class Skeleton(Func):
    """What `MiniTwit.skeletons.skeleton` makes of the column, for queries and indexes."""

    function = "minitwit_skeleton"
    arity = 1

    def __init__(self, *expressions: Any, **extra: Any) -> None:
        super().__init__(*expressions, output_field=TextField(), **extra)
