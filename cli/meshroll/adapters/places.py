"""Reads what is at an http(s) address or in a file, no more of it than is wanted."""

from __future__ import annotations

import base64
from http.client import HTTPException, InvalidURL
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from meshroll.core.places import is_address
from meshroll.core.prometheus_url import readable_on_the_way

TIMEOUT_SECONDS = 20.0


class Unreadable(Exception):
    """Why a place could not be read. Never holds its login."""


class _StayingSafe(HTTPRedirectHandler):
    """What was asked for over TLS is not taken from anywhere without."""

    def redirect_request(self, req: Request, *others: Any) -> Request | None:
        if req.full_url.startswith("https:") and not str(others[-1]).startswith("https:"):
            raise Unreadable("it redirects from https:// to an address without TLS")
        return super().redirect_request(req, *others)


def read(place: str, bytes_max: int) -> bytes:
    """The bytes at an http(s) address or in a file. A server's certificate is verified.

    Raises Unreadable: nothing there, no answer, or more than ``bytes_max``.
    """
    try:
        data = _fetched(place, bytes_max) if is_address(place) else _from_file(place, bytes_max)
    except HTTPError as error:
        raise Unreadable(f"{error.code} {error.reason}") from error
    except (ValueError, InvalidURL):
        # What it says may be a part of a password, and so may what it is chained to.
        raise Unreadable("it is no address; #, / and ? in a password are written %23, %2F and %3F") from None
    except URLError as error:
        raise Unreadable(str(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise Unreadable(str(error) or type(error).__name__) from error
    if len(data) > bytes_max:
        raise Unreadable(f"it is larger than {bytes_max >> 20} MiB")
    return data


def _from_file(path: str, bytes_max: int) -> bytes:
    with Path(path).expanduser().open("rb") as file:
        return file.read(bytes_max + 1)


def _fetched(url: str, bytes_max: int) -> bytes:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise Unreadable(f"{parts.scheme}:// cannot be read")
    login, at, host = parts.netloc.rpartition("@")
    request = Request(urlunsplit(parts._replace(netloc=host, fragment="")))  # noqa: S310 - http(s) only
    if at:
        if readable_on_the_way(url):
            raise Unreadable("a login in the address needs https://")
        secret = base64.b64encode(unquote(login).encode()).decode()
        # Not to be sent to where a redirect leads.
        request.add_unredirected_header("Authorization", f"Basic {secret}")
    with build_opener(_StayingSafe).open(request, timeout=TIMEOUT_SECONDS) as response:
        data = bytes(response.read(bytes_max + 1))
        wanted = response.headers["Content-Length"]
        # Read in part on purpose, so that nobody else notices that the rest never came.
        if wanted and len(data) < min(int(wanted), bytes_max + 1):
            raise Unreadable(f"{len(data)} of {wanted} bytes of it came")
        return data
