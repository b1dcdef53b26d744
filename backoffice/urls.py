"""The admin is the whole site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

admin.site.site_header = "MiniTwit back office"
admin.site.site_title = "MiniTwit back office"
admin.site.index_title = "Back office"
admin.site.site_url = None  # there is no other site to view

urlpatterns = [
    path("grappelli/", include("grappelli.urls")),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
