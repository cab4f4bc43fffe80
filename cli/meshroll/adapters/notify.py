"""Notices to webhooks: sent, tried again for some seconds, and never the reason for how a run ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import jinja2
import jinja2.sandbox
import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from meshroll.core.notices import Notice, slack
from meshroll.core.retry import TRANSIENT
from meshroll.core.settings import Notification
from meshroll.core.webhook_url import complaint, host_of

# A run waits for them, and holds its lock meanwhile: some 15 seconds a place in all.
TIMEOUT_SECONDS = (2.0, 3.0)
RETRIES = Retry(
    total=2,
    backoff_factor=0.5,
    status_forcelist=TRANSIENT,
    allowed_methods=None,
    respect_retry_after_header=False,
    raise_on_status=False,
)


def send(places: Iterable[Notification], notice: Notice, warn: Callable[[str], None]) -> None:
    """To each of ``places`` that wants this event. What cannot be sent, or written, is warned of; raises nothing."""
    for place in places:
        if notice.event not in place.events:
            continue
        try:
            url = place.url or Path(place.url_file or "").expanduser().read_text().strip()
        except (OSError, ValueError) as error:
            warn(f"No notice was sent: {place.url_file} cannot be read ({type(error).__name__}).")
            continue
        if wrong := complaint(url):
            warn(f"No notice was sent: {wrong} (from {place.url_file}).")
            continue
        if failed := _post(url, _body(place, notice, warn)):
            warn(f"No notice was sent to {host_of(url)}: {failed}.")


def _body(place: Notification, notice: Notice, warn: Callable[[str], None]) -> bytes:
    if place.template:
        try:
            source = Path(place.template).expanduser().read_text()
            environment = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
            text = environment.from_string(source).render(msgspec.to_builtins(notice))
            notice = msgspec.structs.replace(notice, text=text)
        # What is computed in a template raises whatever Python does.
        except Exception as error:
            warn(f"{place.template} cannot be used, so the usual text is sent: {error}")
    return msgspec.json.encode(slack(notice.text) if place.format == "slack" else notice)


def _post(url: str, body: bytes) -> str | None:
    """Why it did not arrive, without the URL; None where it did."""
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=RETRIES))
        try:
            response = session.post(
                url,
                data=body,
                headers={"Content-Type": "application/json", "User-Agent": "meshroll"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        # Its text has the URL in it.
        except (requests.RequestException, ValueError) as error:
            return type(error).__name__
    return None if response.ok and not response.is_redirect else f"it answers {response.status_code}"
