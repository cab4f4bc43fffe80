"""What may stand in ``meshroll_prometheus.url``. Never repeats the URL: it may hold a password."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

# Also by way of a VPC endpoint, whose own name comes before it.
_AWS = re.compile(r"(?:^|\.)aps-workspaces(?:-fips)?\.([a-z0-9-]+)\.")


def complaint(url: str) -> str | None:
    """Why this is no address of a Prometheus, or None."""
    wanted = "`url` has to be http:// or https://, a host, and nothing after the path"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # What comes after a password's #, / or ? would be taken for the path, and what is before it for the host.
        return f"{wanted}; #, / and ? in a password are written %23, %2F and %3F"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return wanted
    if parts.query or parts.fragment or parts.netloc.startswith(":"):
        return f"{wanted}; #, / and ? in a password are written %23, %2F and %3F"
    return None


def has_credentials(url: str) -> bool:
    return "@" in urlsplit(url).netloc


def aws_region(url: str) -> str | None:
    """The region of a workspace of Amazon Managed Service for Prometheus, None where that is none."""
    found = _AWS.search(urlsplit(url).hostname or "")
    return found[1] if found else None


def readable_on_the_way(url: str) -> bool:
    """Whether what is sent there crosses a network in plain text: http:// to anything but this machine."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return False
    host = parts.hostname or ""
    with suppress(ValueError):
        return not ip_address(host).is_loopback
    return host != "localhost"
