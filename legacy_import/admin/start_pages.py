"""The two start pages: choose the old database and how its rows are treated, then preview."""

from pathlib import Path
from typing import cast

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from legacy_import import tasks
from legacy_import.admin.start_form import StartForm
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.rules.options import ImportOptions
from legacy_import.runs import lifecycle
from legacy_import.runs.files import discard_upload
from legacy_import.runs.records import Choices
from legacy_import.runs.status import run_url, standing_of
from legacy_import.source import SourceError
from MiniTwit.admin.pages import OwnPagesMixin
from MiniTwit.ids import id_in
from MiniTwit.models import User

INTRODUCTIONS = {
    "users": (
        "Brings the accounts of the old MiniTwit: usernames, e-mail addresses and passwords, so that people go on "
        "signing in as before. No imported account gets staff access."
    ),
    "messages": (
        "Brings all messages, and who follows whom, of the users that were imported before. Flagged messages stay "
        "flagged."
    ),
}


class StartPagesMixin(OwnPagesMixin):
    """The start pages, for the admin of runs."""

    def start_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """Show the form; when it is sent, open a run and hand it to the worker."""
        if not request.user.has_perm("legacy_import.run_legacy_import"):
            raise PermissionDenied
        lifecycle.reconcile()
        posted = request.method == "POST"
        form = StartForm(
            kind,
            request.POST if posted else None,
            request.FILES if posted else None,
            initial=options_like(kind, request.GET.get("like", "")).as_json(),
        )
        if posted and form.is_valid():
            try:
                run = start_run(kind, form, cast(User, request.user))
            except (RunError, SourceError) as error:
                form.add_error(None, error.message)
            else:
                self.log_addition(request, run, "Asked for a preview.")
                return HttpResponseRedirect(run_url(run))
        context = {"introduction": INTRODUCTIONS[kind], "standing": standing_of(kind), "form": form}
        return self.show(request, "admin/legacy_import/start.html", f"Import legacy {kind}", **context)


def options_like(kind: str, number: str) -> ImportOptions:
    """What was chosen for the run that staff come from, if they come from one of this kind."""
    pk = id_in(number)
    run = ImportRun.objects.filter(pk=pk, kind=kind).only("options").first() if pk else None
    return Choices.from_json(run.options).options if run else ImportOptions()


def start_run(kind: str, form: StartForm, actor: User) -> ImportRun:
    """Open a run and queue it.

    The queue is a table of the same database: the task is there as soon as the run is, and never without it.

    Raises:
        RunError, SourceError: the run cannot be started; an upload is not kept.
    """
    reference = form.take_reference()
    try:
        with transaction.atomic():
            run = lifecycle.start(kind=kind, reference=reference, options=form.options(), actor=actor)
            tasks.stage_run.enqueue(run.pk)
    except BaseException:
        if form.is_upload:
            discard_upload(Path(reference.location))
        raise
    return run
