"""Settings from the environment.

Each function reads one variable. A value that it cannot use is an ImproperlyConfigured of one sentence, which names
the variable, what it holds and what it may hold. `docs/operating.md` lists every variable.
"""

import ipaddress
import os
import re
from collections.abc import Sequence
from typing import NoReturn
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured

YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
LARGEST_NUMBER = 2**63 - 1

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
EVERYWHERE: list[Network] = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]


def text(name: str, *, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool) -> bool:
    """Read a yes or no."""
    value = text(name).lower()
    if value and value not in (*YES, *NO):
        refuse(name, "Give 1 or 0")
    return value in YES if value else default


def whole_number(name: str, *, default: int, least: int = 0, most: int = LARGEST_NUMBER) -> int:
    """Read a number written in plain digits, between `least` and `most`."""
    value = text(name)
    if not value:
        return default
    if not re.fullmatch(r"[0-9]{1,19}", value) or not least <= int(value) <= most:
        limit = f" and at most {most}" if most < LARGEST_NUMBER else ""
        refuse(name, f"Give a whole number in digits, without a unit, of at least {least}{limit}")
    return int(value)


def words(name: str, *, default: Sequence[str] = ()) -> list[str]:
    """Read a comma-separated list."""
    return [word.strip() for word in text(name).split(",") if word.strip()] or list(default)


def time_zone(name: str, *, default: str = "UTC") -> str:
    """Read the name of a time zone."""
    zone = text(name, default=default)
    try:
        ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        refuse(name, "Give the name of a time zone, such as UTC or Europe/Copenhagen")
    return zone


def host_names(name: str, *, default: Sequence[str]) -> list[str]:
    """Read host names as Django's ALLOWED_HOSTS has them: without a scheme and without a port."""
    hosts = words(name, default=default)
    if any("/" in host or re.search(r"[^:]:[0-9]+$|\]:", host) for host in hosts):
        refuse(name, "Give host names without a scheme and without a port, such as desk.example.com,127.0.0.1")
    return hosts


def origins(name: str) -> list[str]:
    """Read addresses of sites as Django's CSRF_TRUSTED_ORIGINS has them: with a scheme, and without a path."""
    sites = words(name)
    if any(not re.fullmatch(r"https?://[^/]+", site) for site in sites):
        refuse(name, "Give the addresses of sites with their scheme, such as https://desk.example.com")
    return sites


def networks(name: str, *, default: Sequence[Network]) -> list[Network]:
    """Read IP addresses and networks."""
    try:
        return [ipaddress.ip_network(word) for word in words(name)] or list(default)
    except ValueError:
        refuse(name, "Give IP addresses or networks, such as 127.0.0.1,10.0.0.0/8")


def trusted_proxies() -> list[Network]:
    """The proxies whose word about the client's address and TLS counts."""
    this_machine = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1")]
    every_client = flag("BEHIND_PROXY", default=False)
    return networks("TRUSTED_PROXIES", default=EVERYWHERE if every_client else this_machine)


def url_prefix(name: str) -> str:
    """Read the path that every address begins with: empty, or with a slash before it and none behind it."""
    prefix = text(name).rstrip("/")
    if prefix and not re.fullmatch(r"(/[\w.~-]+)+", prefix, re.ASCII):
        refuse(name, "Give a path that begins with a slash, such as /desk")
    return prefix


def refuse(name: str, advice: str) -> NoReturn:
    raise ImproperlyConfigured(f"{name} is {os.environ.get(name, '')!r}. {advice}; or unset it.") from None
