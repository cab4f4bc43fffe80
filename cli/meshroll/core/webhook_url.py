"""What may be the URL of a webhook. Never repeats it: whoever knows it may post there."""

from __future__ import annotations

from urllib.parse import urlsplit

from meshroll.core.prometheus_url import readable_on_the_way


def complaint(url: str) -> str | None:
    """Why nothing can be sent there, or None."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        return "`url` of a notification has to be http:// or https:// and a host"
    if readable_on_the_way(url):
        return "`url` of a notification has to be https:// (or this machine itself)"
    return None


def host_of(url: str) -> str:
    """All of it that may be shown."""
    return urlsplit(url).hostname or ""
