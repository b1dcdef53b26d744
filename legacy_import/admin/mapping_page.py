"""Change a run's mapping: a new preview with other tables and columns takes the place of the old one."""

from typing import cast

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from legacy_import import tasks
from legacy_import.admin.mapping_form import MappingForm
from legacy_import.admin.run_page import RunPage
from legacy_import.errors import RunError
from legacy_import.models import ImportRun
from legacy_import.runs import chosen_mapping, lifecycle
from legacy_import.runs.files import reference_of, stored_file
from legacy_import.runs.records import Choices
from legacy_import.runs.status import run_url
from legacy_import.source import SourceError
from legacy_import.source.recognition.mapping import TableMappings
from legacy_import.source.record import SourceRecord
from legacy_import.tables import CURRENT
from MiniTwit.admin.pages import OwnPagesMixin
from MiniTwit.models import User


class MappingPageMixin(OwnPagesMixin):
    """The change of a mapping, for the admin of runs."""

    def mapping_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Take another mapping, or the recognised one again, and start a preview with it."""
        self.require(request, "run_legacy_import")  # type: ignore[attr-defined]
        run: ImportRun = self.run_or_404(request, run_id)  # type: ignore[attr-defined]
        if not run.may_be_mapped:
            self.message_user(
                request, f"Import {run.pk} is over: make a new preview to change its mapping.", messages.WARNING
            )
            return HttpResponseRedirect(run_url(run))
        form = MappingForm(run, request.POST)
        automatic = "automatic" in request.POST
        if not automatic and not form.is_valid():
            return self.page_with_mapping(request, run, form)
        mapping = {} if automatic else form.mapping
        if SourceRecord.from_json(run.source).uploaded and stored_file(run) is None:
            return self.keep_for_next_upload(request, run, mapping)
        try:
            newer = start_again(run, mapping, cast(User, request.user))
        except (RunError, SourceError) as error:
            self.message_user(request, error.message, messages.WARNING)
            return HttpResponseRedirect(run_url(run))
        self.log_addition(request, newer, f"Asked for a preview with another mapping than that of import {run.pk}.")
        return HttpResponseRedirect(run_url(newer))

    def page_with_mapping(
        self, request: HttpRequest, run: ImportRun, form: MappingForm, status: int = 200
    ) -> HttpResponse:
        """The page of a run with the mapping that was sent, so that nothing has to be chosen twice."""
        page = RunPage(run, request.user, sent=form)
        response = self.show(request, page.template, str(run), **page.context())
        response.status_code = status
        return response

    def keep_for_next_upload(self, request: HttpRequest, run: ImportRun, mapping: TableMappings) -> HttpResponse:
        """A refused upload was deleted at once, so it has to come again; its mapping waits for it."""
        chosen_mapping.choose_for(run, mapping, cast(User, request.user), CURRENT)
        page = RunPage(run, request.user)
        self.message_user(
            request, f"The choice is kept. Upload {page.source.label} once more: it is read with these tables."
        )
        return HttpResponseRedirect(page.start_url)


def start_again(run: ImportRun, mapping: TableMappings, actor: User) -> ImportRun:
    """Open a run of the same old database with another mapping, and queue it.

    Raises:
        RunError, SourceError: it cannot be started.
    """
    with transaction.atomic():
        newer = lifecycle.start(
            kind=run.kind,
            reference=reference_of(run),
            options=Choices.from_json(run.options).options,
            actor=actor,
            mapping=mapping,
        )
        tasks.stage_run.enqueue(newer.pk)
    return newer
