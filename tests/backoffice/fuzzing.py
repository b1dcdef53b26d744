"""What clients may send: a request of any method to any address of the site, with fields and values that no page has.

The addresses come from the URL list, the parameters from the lists' own filters, and the fields from the forms that
the pages show.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib import admin
from django.test import Client
from hypothesis import strategies as st

from tests.backoffice.site_walk import Site, addresses

METHODS = ("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
NUMBERS = [
    "0",
    "-1",
    "00",
    "1.5",
    "1e400",
    "٣",
    "９",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "9" * 5000,
]
DATES = [
    "0000-01-01", "0001-01-01", "0001-01-01 00:00:00", "9999-12-31", "9999-12-31 23:59:59", "9999-12-31T23:59",
    "10000-01-01", "99999999999", "2024-02-30", "2024-13-01T25:61", "-4712-01-01", "12:00", "1500-01-01T00:00",
]  # fmt: skip
TEXTS = [
    "", " ", "\0", "a\0b", "\ufffe", "\u202e", "e\u0301" * 40, "'", '"', "%", "\\", "..", "../../etc/passwd", "_5F",
    "<script>", "{{ 1 }}", "None", "null", "true", "1,2", "[]", "(", "*", "+" * 300, "x" * 5000,
    "🙂", "\r\nSet-Cookie: a=b",
]  # fmt: skip
PLACES = [
    "after", "before", "last", "last:[]", 'after:["\\ud800","1"]', 'after:["9999-12-31T23:59:59+00:00","1"]',
    'after:["0001-01-01T00:00:00+14:00","9"]', 'before:["x","y","z"]', f'after:["2024-01-01","{"9" * 5000}"]',
    "after:" + "[" * 5000, 'before:["\\u0000"]', 'after:["1"]', "after:[1]",
    'before:["2024-01-01T00:00:00+00:00","99999999999999999999"]',
]  # fmt: skip
BAD_ENCODINGS = ["%ED%A0%80", "%FF", "%00", "%", "%C0%80", "%E0%A4"]
LIST_PARAMETERS = [
    "q",
    "o",
    "p",
    "all",
    "e",
    "_facets",
    "_popup",
    "_to_field",
    "_changelist_filters",
    "before",
    "after",
]
LOOKUPS = [
    "",
    "__exact",
    "__regex",
    "__iregex",
    "__year",
    "__in",
    "__isnull",
    "__range",
    "__gte",
    "__contains",
    "__date__year",
]
CONTENT_TYPES = [
    "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=", "application/json",
    "multipart/form-data; boundary=x", "text/plain; charset=utf-16", "",
    "multipart/form-data; boundary=" + "é", "multipart/form-data; boundary=x; charset=unicode_escape",
    "application/x-www-form-urlencoded; charset=nonsense", "application/x-www-form-urlencoded; charset=utf-7",
]  # fmt: skip

values = st.sampled_from(NUMBERS + DATES + TEXTS + PLACES) | st.text(max_size=12)
encoded = values.map(lambda value: quote(value.encode("utf-8", "surrogatepass"), safe="")) | st.sampled_from(
    BAD_ENCODINGS
)


class Forms(HTMLParser):
    """The forms of a page: where each is sent, and its fields with the values they have."""

    def __init__(self, page: str, address: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.address = address
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.found.append((given.get("action") or self.address, {}))
        elif tag in ("input", "select", "textarea", "button") and self.found and given.get("name"):
            self.found[-1][1].setdefault(given["name"], given.get("value", ""))


@dataclass
class Target:
    """One address of the site, with what it is known to read."""

    name: str
    route: str
    address: str
    parameters: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


def targets(site: Site) -> list[Target]:
    """Every address with the parameters of its list and the fields of the forms that are sent to it."""
    client = site.client("superuser")
    found = [Target(name, route, site.address(name, route, "superuser")) for name, route in addresses()]
    fields: dict[str, dict[str, str]] = {}
    for target in found:
        target.parameters = LIST_PARAMETERS + parameters_of(target.route)
        response: Any = client.get(target.address)
        if response.status_code == 200 and not response.streaming:
            for action, names in Forms(response.content.decode(), target.address).found:
                fields.setdefault(action.partition("?")[0], {}).update(names)
    for target in found:
        target.fields = fields.get(target.address.partition("?")[0], {})
    return found


def parameters_of(route: str) -> list[str]:
    """What the list of a screen could be filtered by: each field of its model, with lookups, and its own filters."""
    for model, screen in admin.site._registry.items():
        if route.startswith(f"/admin/{model._meta.app_label}/{model._meta.model_name}/"):
            names = [item.name for item in model._meta.get_fields()]
            own = [name for item in screen.list_filter for name in getattr(item, "parameters", [])]
            own += [item.parameter_name for item in screen.list_filter if hasattr(item, "parameter_name")]
            own += [f"{item}__exact" for item in screen.list_filter if isinstance(item, str)]
            related = ["author__password__startswith", "term__id__exact", "actor__id__exact"]
            return own * 3 + related + [name + lookup for name in names for lookup in LOOKUPS]
    return ["term", "page", "app_label", "model_name", "field_name", "next", "ticket", "message"]


@dataclass(frozen=True)
class Shot:
    """One request."""

    method: str
    address: str
    body: bytes
    content_type: str
    cookies: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    role: str

    def fire(self, client: Client) -> Any:
        for name, value in self.cookies:
            client.cookies.load({name: value})
        return client.generic(
            self.method, self.address, self.body, content_type=self.content_type, headers=dict(self.headers)
        )


@st.composite
def paths(draw: Any, target: Target) -> str:
    """The address, or its route with other things in place of the parameters."""
    if draw(st.integers(0, 2)):
        return target.address.partition("?")[0]

    def other(found: re.Match[str]) -> str:
        return str(draw(st.sampled_from(NUMBERS) if found[1] == "int:" else encoded))

    route = target.route.replace("(?P<url>.*)$", "no/<it>/")
    return re.sub(r"<(\w+:)?(\w+)>", other, route.replace("^(?P<app_label>", "<it>").split("|", 1)[0])


@st.composite
def queries(draw: Any, target: Target) -> str:
    pairs = draw(st.lists(st.tuples(st.sampled_from(target.parameters), encoded), max_size=3))
    return "&".join(f"{name}={value}" for name, value in pairs)


@st.composite
def bodies(draw: Any, target: Target) -> tuple[bytes, str]:
    """The fields of a form, some of them changed, left out or repeated; or anything at all."""
    if not draw(st.integers(0, 4)):
        return draw(st.binary(max_size=40)), draw(st.sampled_from(CONTENT_TYPES))
    names = [*target.fields, "action", "_selected_action", "message", "verb", "post"]
    changed: Iterable[tuple[str, str]] = draw(st.lists(st.tuples(st.sampled_from(names), values), max_size=4))
    kept = {name: value for name, value in target.fields.items() if draw(st.integers(0, 5))}
    pairs = [*kept.items(), *changed]
    if draw(st.integers(0, 3)):
        return urlencode(pairs, errors="surrogatepass").encode(), "application/x-www-form-urlencoded"
    return multipart(pairs, draw(st.sampled_from(["", "import_file", "upload"]))), "multipart/form-data; boundary=x"


def multipart(pairs: Iterable[tuple[str, str]], file: str) -> bytes:
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in pairs]
    if file:
        parts.append(f'--x\r\nContent-Disposition: form-data; name="{file}"; filename="a\0.csv"\r\n\r\nid\n1\r\n')
    return ("".join(parts) + "--x--\r\n").encode("utf-8", "surrogatepass")


@st.composite
def shots(
    draw: Any, known: list[Target], roles: tuple[str, ...] = ("superuser",) * 6 + ("anybody", "Auditors")
) -> Shot:
    target = draw(st.sampled_from(known))
    method = draw(st.sampled_from(("GET", "GET", "POST", "POST", *METHODS)))
    body, content_type = draw(bodies(target)) if method not in ("GET", "HEAD") else (b"", "")
    cookies = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["messages", "csrftoken", "sessionid"]),
                st.sampled_from(['"\\000aaaaaaaaa"', "x" * 300, "é", "[]", '"\\377"', "null"]),
            ),
            max_size=1,
        )
        if not draw(st.integers(0, 9))
        else st.just([])
    )
    headers = draw(
        st.lists(
            st.sampled_from(
                [
                    ("x-requested-with", "fetch"),
                    ("accept-language", "xx;q=9e999"),
                    ("if-modified-since", "x"),
                    ("range", "bytes=9-0"),
                    ("referer", "http://[::1"),
                    ("content-length", "-5"),
                    ("origin", "null"),
                    ("content-length", "x"),
                    ("host", "evil.example"),
                    ("accept", "\xff"),
                ]
            ),
            max_size=1,
        )
    )
    query = draw(queries(target))
    return Shot(
        method,
        draw(paths(target)) + (f"?{query}" if query else ""),
        body,
        content_type,
        tuple(cookies),
        tuple(headers),
        draw(st.sampled_from(roles)),
    )
