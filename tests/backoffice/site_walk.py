"""Every address of the site, and a small site with something behind each of them.

The two tables beside this file say who may open which address, and how many queries each page takes. When a page was
added or changed, this writes them anew, for whoever reviews the change to see what is another in them:

    UPDATE_TABLES=1 pytest tests/backoffice/test_access.py tests/backoffice/test_query_counts.py
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from django.urls import URLResolver, get_resolver

from legacy_import.models import ImportRun
from MiniTwit import moderation
from MiniTwit.models import Message, ModerationEvent, ModerationReason, SavedFilter, User, Verb, WatchHit, WatchTerm
from MiniTwit.moderation import batch_worker, selections
from tests.MiniTwit.factories import make_follow, make_message, make_roles, make_superuser, make_user

FOLDER = Path(__file__).parent
UPDATE = bool(os.environ.get("UPDATE_TABLES"))
ROLES = ("Importers", "Moderators", "Auditors")
APP_LIST = "^(?P<app_label>"


def addresses() -> Iterator[tuple[str, str]]:
    """The name and the route of every address; the route stands for the name where there is none."""

    def walk(patterns: Any, prefix: str) -> Iterator[tuple[str, str]]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                yield pattern.name or route, route

    return walk(get_resolver().url_patterns, "/")


@dataclass
class Site:
    """A small site.

    Attributes:
        people: a staff account for each role, one without a role, and a superuser.
        objects: an id for each model, e.g. of `MiniTwit/message`.
        own: the same of what everybody has for himself, by role.
    """

    people: dict[str, User] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    own: dict[tuple[str, str], int] = field(default_factory=dict)

    def address(self, name: str, route: str, role: str) -> str:
        """The address with something that is there in place of its parameters."""
        if APP_LIST in route:
            return "/admin/MiniTwit/"
        if name == "autocomplete":
            return f"{route}?app_label=MiniTwit&model_name=message&field_name=author"
        route = route.replace("(?P<url>.*)$", "no/such/page/")
        model = "/".join(route.split("/")[2:4])
        own = self.own.get((name, role)) or self.own.get((model, role))
        number = own or self.objects.get(name) or self.objects.get(model, 1)
        verb = "suspend" if model == "MiniTwit/user" else "flag"
        values = {"verb": verb, "table": "user", "content_type_id": 1}
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values.get(found[1], number)), route)

    def client(self, role: str) -> Client:
        client = Client()
        if role in self.people:
            client.force_login(self.people[role])
        return client


def build_site() -> Site:
    """A site with a colleague of each role, and a few of everything."""
    make_roles()
    call_command("loaddata", "moderation_reasons", verbosity=0)
    site = Site()
    site.people["staff without a role"] = make_user("nobody in particular", is_staff=True)
    for role in ROLES:
        site.people[role] = make_user(f"one of the {role}", is_staff=True)
        site.people[role].groups.add(Group.objects.get(name=role))
    site.people["superuser"] = make_superuser("boss")
    add_rows(site, 6)
    author = User.objects.get(pk=site.objects["MiniTwit/user"])
    for role, person in site.people.items():
        saved = SavedFilter.objects.create(name="Mine", screen="MiniTwit.message", query="q=a", owner=person)
        site.own["MiniTwit/savedfilter", role] = saved.pk
        chosen = Message.objects.filter(author=author)
        for name in ("confirm", "discard"):
            batch = selections.freeze(verb=Verb.FLAG, queryset=chosen, actor=person)
            site.own[f"MiniTwit_moderationbatch_{name}", role] = batch.pk
    result = batch_worker.run_batch.enqueue(0)
    site.objects |= {
        "MiniTwit/moderationreason": ModerationReason.objects.order_by("pk")[0].pk,
        "legacy_import_rejected": ImportRun.objects.create(
            kind="users", state="applied", source={"label": "old.db", "location": "/old.db", "uploaded": False}
        ).pk,
        "auth/group": Group.objects.order_by("pk")[0].pk,
        "django_tasks_database/dbtaskresult": result.id,
    }
    return site


def add_rows(site: Site, number: int) -> None:
    """Add as many of everything that a list shows."""
    boss = site.people["superuser"]
    author = make_user(email="author@example.com")
    found = [make_message(author, f"Buy now, number {n}", flagged=n % 2 == 0) for n in range(number)]
    follows = [make_follow(author) for _ in range(number)] + [make_follow(whom=author) for _ in range(number)]
    for n in range(number):
        term = WatchTerm.objects.create(pattern=f"buy {author.pk} {n}")
        hits = [WatchHit.objects.create(term=term, message=m, found=["Buy"], pub_date=m.pub_date) for m in found]
        author.staff_notes.create(text=f"Note {n}", author=boss, author_name="boss")
        moderation.warn(users=[author], actor=boss, text=f"Warning {n}")
        run = ImportRun.objects.create(kind="users", state="failed", source={"label": "old.db"}, created_by=boss)
        SavedFilter.objects.create(name=f"View {author.pk} {n}", screen="MiniTwit.message", query="q=b", owner=boss)
    batch = moderation.keep(messages=found[1:3], actor=boss, reason="Nothing wrong")
    event = ModerationEvent.objects.get(batch=batch, message=found[1])
    site.objects |= {
        "MiniTwit/user": author.pk,
        "MiniTwit/message": event.message_id or 0,
        "MiniTwit/follow": follows[0].pk,
        "MiniTwit/moderationbatch": batch.pk,
        "MiniTwit/moderationevent": event.pk,
        "MiniTwit/watchterm": term.pk,
        "MiniTwit/watchhit": hits[0].pk,
        "legacy_import/importrun": run.pk,
    }
