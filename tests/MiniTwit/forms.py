"""Forms as a browser sends them: with everything that the page put into them."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client


class FormReader(HTMLParser):
    """Collects the values of one form of a page: the first one, or the one with an id or an address."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted
        self.inside = False
        self.values: dict[str, Any] = {}
        self.select: tuple[str, bool] | None = None
        self.text_area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form":
            self.inside = self.wanted in (given.get("id"), given.get("action"))
        elif self.inside and tag == "input" and name and given.get("type") not in ("submit", "checkbox", "radio"):
            self.values[name] = given.get("value", "")
        elif self.inside and tag == "input" and name and "checked" in given:
            self.values[name] = given.get("value", "on")
        elif self.inside and tag == "select":
            self.select = name, "multiple" in given
        elif self.select and tag == "option" and "selected" in given:
            self.choose(given.get("value", ""))
        elif self.inside and tag == "textarea":
            self.text_area, self.values[name] = name, ""

    def choose(self, value: str) -> None:
        assert self.select
        name, is_multiple = self.select
        self.values[name] = [*self.values.get(name, []), value] if is_multiple else value

    def handle_data(self, data: str) -> None:
        if self.text_area is not None:
            self.values[self.text_area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self.select = None
        elif tag == "textarea" and self.text_area is not None:
            # HTML drops the first line's end, and a browser sends CR LF.
            text = self.values[self.text_area].removeprefix("\n")
            self.values[self.text_area] = text.replace("\r\n", "\n").replace("\n", "\r\n")
            self.text_area = None


def form_in(page: str, wanted: str) -> dict[str, Any]:
    """The values of the form with that id or address."""
    reader = FormReader(wanted)
    reader.feed(page)
    assert reader.values, f"There is no form {wanted}."
    return reader.values


def form_at(client: Client, address: str, wanted: str) -> dict[str, Any]:
    """The values of a form on the page at an address."""
    return form_in(client.get(address).content.decode(), wanted)


def opened(client: Client, address: str) -> str:
    """What the form of a change page carries of the row as it was when the page was opened."""
    context = client.get(address).context
    return str(context["adminform"].form["opened"].value())


def save_on_page(client: Client, row: Any, **typed: Any) -> Any:
    """Open the page of a row, type over some fields (None unticks a box), save, and return the answer."""
    name = row._meta.model_name
    address = f"/admin/{row._meta.app_label}/{name}/{row.pk}/change/"
    form = form_at(client, address, f"{name}_form") | typed
    return client.post(address, {field: value for field, value in form.items() if value is not None})
