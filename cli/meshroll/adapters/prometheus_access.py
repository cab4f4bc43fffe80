"""What lets meshroll in to Prometheus: credentials and authorities from the files that the inventory names.

A secret is read for every request, because tokens rotate, and never stands in an error.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from pathlib import Path

from meshroll.core import prometheus_problems as problems
from meshroll.core.errors import Refused
from meshroll.core.settings import Prometheus

SECRET_BYTES_MAX = 65536


class PrometheusError(Refused):
    """Prometheus could not say what was asked, or what it says cannot be judged.

    Exit 3 where a look meets it; a gate turns it into its outcome Error.
    """


def headers(prometheus: Prometheus) -> dict[str, str]:
    """Of one request. Raises PrometheusError where a file of the inventory holds no secret."""
    found = {"Accept": "application/json", "User-Agent": "meshroll"}
    if prometheus.tenant:
        found["X-Scope-OrgID"] = prometheus.tenant
    if prometheus.bearer_token_file:
        token = _secret("bearer_token_file", prometheus.bearer_token_file)
        if not token.isascii():
            raise _unusable("bearer_token_file", prometheus.bearer_token_file, "it holds no bearer token")
        found["Authorization"] = f"Bearer {token}"
    if basic := prometheus.basic_auth:
        password = _secret("basic_auth.password_file", basic.password_file)
        found |= basic_authorization(basic.username, password)
    return found


def basic_authorization(username: str, password: str) -> dict[str, str]:
    """In UTF-8, as Prometheus and the proxies in front of it compare it."""
    return {"Authorization": f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"}


def tls(ca_file: str | None) -> ssl.SSLContext:
    """Trusts the authorities in ``ca_file``, and only those, or those of this machine; always verifies."""
    if ca_file is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=str(Path(ca_file).expanduser()))
    except ssl.SSLError:
        raise _unusable("ca_file", ca_file, "it holds no certificate in PEM") from None
    except OSError as error:
        raise _unusable("ca_file", ca_file, error.strerror or type(error).__name__) from None


def _secret(setting: str, path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            text = file.read(SECRET_BYTES_MAX).decode().strip("\r\n \t")
    except OSError as error:
        raise _unusable(setting, path, error.strerror or type(error).__name__) from None
    except (UnicodeDecodeError, RuntimeError):
        raise _unusable(setting, path, "it cannot be read as text") from None
    if not text:
        raise _unusable(setting, path, "it is empty")
    # A line break would end the header, and the library would then name the whole value in its complaint.
    if not text.isprintable():
        raise _unusable(setting, path, "it holds more than one line, or what is no text")
    return text


def _unusable(setting: str, path: str, why: str) -> PrometheusError:
    return PrometheusError(problems.bad_file(setting, path, why))
