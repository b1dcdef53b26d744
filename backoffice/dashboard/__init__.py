"""The first page after signing in, each part for the users who may see what it shows."""

from typing import Any

from grappelli.dashboard import Dashboard

from backoffice.dashboard.modules import Charts, Checklist, Feed, HealthOfSite, LegacyImports, Moderators, Numbers


class BackOfficeDashboard(Dashboard):
    title = "Back office"
    template = "backoffice/dashboard/dashboard.html"

    class Media:
        css = {"all": ["legacy_import/legacy_import.css", "backoffice/dashboard.css"]}  # noqa: RUF012 -- as Django's form media have it

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.children = [Checklist(), Numbers(), LegacyImports(), Feed(), Charts(), Moderators(), HealthOfSite()]
