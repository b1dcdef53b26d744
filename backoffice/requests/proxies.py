"""Read what a trusted proxy says about a request: the client's address, and whether it came over TLS.

Any client can send the headers X-Forwarded-For and X-Forwarded-Proto. They count when the connection comes from an
address in TRUSTED_PROXIES. A connection over a Unix socket has no address; what may connect to the socket is trusted.
"""

import ipaddress
import logging
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from backoffice.requests.refusals import refusal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Handler = Callable[[HttpRequest], HttpResponse]

UNTRUSTED = (
    "You asked over https, and a proxy passed it on as plain http. Leading you to https would never end. If you look "
    "after this server: name the proxy's address, which the log has, in the setting TRUSTED_PROXIES, and let the "
    "proxy send the header X-Forwarded-Proto."
)

logger = logging.getLogger(__name__)


def believe_trusted_proxies(get_response: Handler) -> Handler:
    """Put the client's address and scheme where Django looks for them, before any other middleware looks.

    Where TLS ends at a proxy that is not trusted, redirects to https would never end. The answer says what to do.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        peer = request.META.get("REMOTE_ADDR", "")
        if is_trusted(peer):
            request.META["REMOTE_ADDR"] = client_address(peer, request.META.get("HTTP_X_FORWARDED_FOR", ""))
            if scheme := forwarded_scheme(request):
                request.META["wsgi.url_scheme"] = scheme
        if settings.SECURE_SSL_REDIRECT and not request.is_secure() and came_over_tls(request):
            logger.warning(
                "A request came over TLS to the proxy at %s and as plain http from there. Name that address in "
                "TRUSTED_PROXIES, and let the proxy send X-Forwarded-Proto.",
                peer or "the socket",
            )
            return refusal(400, UNTRUSTED)
        return get_response(request)

    return middleware


def is_trusted(peer: str) -> bool:
    """Tell whether the headers of a connection from `peer` count."""
    address = parse(peer)
    if address is None:
        return not peer
    return any(address in network for network in settings.TRUSTED_PROXIES)


def trusts_everyone() -> bool:
    return any(network.prefixlen == 0 for network in settings.TRUSTED_PROXIES)


def client_address(peer: str, forwarded_for: str) -> str:
    """Walk back through the trusted proxies. Each of them has added the address that its request came from."""
    client = peer
    for hop in reversed(forwarded_for.split(",")):
        address = parse(hop)
        if address is None or not is_trusted(client):
            break
        client = str(address)
        if trusts_everyone():
            break  # the client may have invented the hops before it
    return client


def forwarded_scheme(request: HttpRequest) -> str:
    """What the header says: https, http or nothing. Of several values the first is about the client's connection."""
    scheme = request.META.get("HTTP_X_FORWARDED_PROTO", "").split(",")[0].strip().lower()
    return scheme if scheme in ("http", "https") else ""


def came_over_tls(request: HttpRequest) -> bool:
    """Tell whether the client speaks TLS to a proxy, though the request itself came as plain http.

    Browsers send Sec-Fetch-Mode over https, and over plain http to this very machine only.
    """
    if forwarded_scheme(request) == "https":
        return True
    host = request.META.get("HTTP_HOST", "").rpartition(":")[0] or request.META.get("HTTP_HOST", "")
    is_local = host in ("localhost", "[::1]") or host.endswith(".localhost") or host.startswith("127.")
    return "HTTP_SEC_FETCH_MODE" in request.META and not is_local


def parse(text: str) -> Address | None:
    """Read an address, as proxies write it: with a port, in brackets, or IPv4 as a part of IPv6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
