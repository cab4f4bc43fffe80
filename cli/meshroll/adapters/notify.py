"""Notices to webhooks: sent, tried again for some seconds, and never the reason for how a run ends."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import jinja2.sandbox
import msgspec
import requests

from meshroll.adapters import clock
from meshroll.core.notices import Notice, slack
from meshroll.core.retry import TRANSIENT, Patience
from meshroll.core.settings import Notification
from meshroll.core.webhook_url import complaint, host_of

# A run waits for them, and holds its lock meanwhile.
PATIENCE = Patience(8.0)
TRIES_MAX = 3
TIMEOUT_SECONDS = (2.0, 3.0)
DEADLINE_SECONDS = 15.0


def send(places: Iterable[Notification], notice: Notice, warn: Callable[[str], None]) -> None:
    """To each of ``places`` that wants this event, side by side and within DEADLINE_SECONDS.

    What cannot be sent, or written, is warned of. Raises nothing.
    """
    sending: list[tuple[str, threading.Thread, list[str]]] = []
    for place in places:
        if notice.event in place.events:
            said: list[str] = []
            # Of a server that answers a byte at a time nothing else makes an end.
            thread = threading.Thread(target=_send, args=(place, notice, said), daemon=True)
            thread.start()
            sending.append((_name(place), thread, said))
    until = clock.seconds() + DEADLINE_SECONDS
    for name, thread, said in sending:
        thread.join(max(0.0, until - clock.seconds()))
        if thread.is_alive():
            warn(f"No notice was sent to {name}: no answer in {DEADLINE_SECONDS:.0f} s.")
        else:
            for each in said:
                warn(each)


def _send(place: Notification, notice: Notice, said: list[str]) -> None:
    # Whatever it is (a CA bundle that is not there, a home that nobody has): the run goes on. Types only, because the
    # texts of these errors have the URL in them.
    try:
        url = place.url or Path(place.url_file or "").expanduser().read_text().strip()
        wrong = complaint(url)
        failed = None if wrong else _post(url, _body(place, notice, said.append))
    except Exception as error:
        said.append(f"No notice was sent to {_name(place)}: {type(error).__name__}.")
        return
    if wrong:
        said.append(f"No notice was sent: {wrong} (from {place.url_file}).")
    elif failed:
        said.append(f"No notice was sent to {host_of(url)}: {failed}.")


def _name(place: Notification) -> str:
    """All that may be told of it."""
    return place.url_file or host_of(place.url or "")


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
    """Why it did not arrive, without the URL; None where it did. urllib3's own retries would log the path."""
    begun, tries = clock.seconds(), 0
    while True:
        tries += 1
        try:
            with requests.post(
                url,
                data=body,
                headers={"Content-Type": "application/json", "User-Agent": "meshroll"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.ok and not response.is_redirect:
                    return None
                why, again = f"it answers {response.status_code}", response.status_code in TRANSIENT
        except requests.RequestException as error:
            why, again = type(error).__name__, True
        wait_seconds = PATIENCE.wait_seconds(tries, clock.seconds() - begun, random.random())
        if not again or tries == TRIES_MAX or wait_seconds is None:
            return why
        time.sleep(wait_seconds)
