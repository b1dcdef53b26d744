"""The first page after signing in: the two imports, then what is moderated."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from grappelli.dashboard import Dashboard
from grappelli.dashboard.modules import DashboardModule, LinkList, ModelList, RecentActions

from legacy_import.runs.status import standings
from MiniTwit.review import count_waiting


class LegacyImports(DashboardModule):
    """The two import buttons with their state, for those who may import."""

    title = "Import the old database"
    template = "backoffice/legacy_imports.html"
    collapsible = False

    def init_with_context(self, context: Any) -> None:
        request: HttpRequest = context["request"]
        if request.user.has_perm("legacy_import.run_legacy_import"):
            self.children = standings()


class PermittedLinks(LinkList):
    """Links for the users who have their permission: `{"title", "url", "permission"}`, and `waiting`, which counts
    the items that wait behind a link."""

    children: list[dict[str, Any]]
    collapsible = False

    def init_with_context(self, context: Any) -> None:
        user = context["request"].user
        self.children = [link for link in self.children if user.has_perm(link["permission"])]
        for link in self.children:
            if "waiting" in link:
                link["title"] += f" ({link['waiting']()} waiting)"


def link(title: str, url_name: str, permission: str) -> dict[str, Any]:
    return {"title": title, "url": reverse(f"admin:{url_name}"), "permission": permission, "external": False}


class BackOfficeDashboard(Dashboard):
    title = "Back office"
    columns = 2

    class Media:
        css = {"all": ["legacy_import/legacy_import.css"]}  # noqa: RUF012 -- as Django's form media have it

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.children = [
            LegacyImports(column=1),
            PermittedLinks(
                "Moderation",
                column=1,
                children=[
                    link("Review queue", "MiniTwit_review", "MiniTwit.moderate_message")
                    | {"waiting": lambda: count_waiting().label},
                    link("Watch-list", "MiniTwit_watchterm_changelist", "MiniTwit.view_watchterm"),
                    link("Users", "MiniTwit_user_changelist", "MiniTwit.view_user"),
                    link("Messages", "MiniTwit_message_changelist", "MiniTwit.view_message"),
                    link("Follows", "MiniTwit_follow_changelist", "MiniTwit.view_follow"),
                    link("Reasons", "MiniTwit_moderationreason_changelist", "MiniTwit.view_moderationreason"),
                ],
            ),
            PermittedLinks(
                "History",
                column=1,
                children=[
                    link("Decisions", "MiniTwit_moderationevent_changelist", "MiniTwit.view_moderationevent"),
                    link("Batches", "MiniTwit_moderationbatch_changelist", "MiniTwit.view_moderationbatch"),
                    link("Imports", "legacy_import_importrun_changelist", "legacy_import.view_importrun"),
                ],
            ),
            ModelList("Accounts and groups", column=1, collapsible=False, models=["django.contrib.auth.*"]),
            RecentActions("Recent actions", column=2, limit=8, collapsible=False),
        ]
