"""Choose a row by autocompletion, whatever a form sends as its id."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import ForeignKey
from django.forms import ModelChoiceField
from django.http import HttpRequest

from MiniTwit.ids import id_in


class IdSelect(AutocompleteSelect):
    """Ignores values that are no ids, for which Django's own widget raises an error."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        return super().optgroups(name, [text for text in value if id_in(str(text))], attr)


class IdSelectMixin(admin.ModelAdmin):
    """A base class before ModelAdmin: `autocomplete_fields` of its forms are such choices."""

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = IdSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
