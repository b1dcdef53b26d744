"""The admin is the whole site."""

from typing import NoReturn

from django.contrib import admin
from django.http import Http404, HttpRequest
from django.urls import path
from django.views.generic import RedirectView

from backoffice.admin import adopt_screens
from backoffice.palette import palette
from MiniTwit.admin.forms.passwords import change_own_password

admin.site.site_header = "MiniTwit back office"
admin.site.site_title = "MiniTwit back office"
admin.site.index_title = "Back office"
admin.site.site_url = None  # there is no other site to view
# It loads every selected row with all that refers to it, and writes a form field for each. The screens have actions
# of their own.
admin.site.disable_action("delete_selected")


def not_offered(request: HttpRequest) -> NoReturn:
    """Replace grappelli's lookups, whose names its templates need.

    They would show any staff account every row of every table, and their filters would reveal password hashes. The
    screens use Django's own autocompletion, which checks permissions.
    """
    raise Http404("This back office does not offer grappelli's lookups.")


adopt_screens()

handler400 = "backoffice.requests.refusals.bad_request"
handler500 = "backoffice.requests.refusals.server_error"

urlpatterns = [
    path("grappelli/lookup/related/", not_offered, name="grp_related_lookup"),
    path("grappelli/lookup/m2m/", not_offered, name="grp_m2m_lookup"),
    path("grappelli/lookup/autocomplete/", not_offered, name="grp_autocomplete_lookup"),
    path("admin/password_change/", admin.site.admin_view(change_own_password, cacheable=True)),
    path("admin/palette/", admin.site.admin_view(palette), name="palette"),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
