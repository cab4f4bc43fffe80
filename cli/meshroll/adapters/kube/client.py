"""A Kubernetes client that speaks plain JSON.

Authentication, TLS and the exec plugins of EKS come from the ``kubernetes`` package; objects stay dicts, because
building its model classes costs more time and memory than the whole look at a large namespace.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes import config
from kubernetes.client import ApiClient
from kubernetes.config.config_exception import ConfigException

from meshroll.core.errors import Problem, Refused, UsageError

Object = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
SERVER_SIDE_APPLY = "application/apply-patch+yaml"
FIELD_MANAGER = "meshroll"
PAGE_SIZE = 500
# An API server that restarts is back within seconds; longer than this is for a person.
ATTEMPTS = 6
TIMEOUT = urllib3.Timeout(connect=5, read=60)
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})


class ApiError(Refused):
    """An answer of the API server that is not a success; ``status`` is its HTTP code.

    A refusal like any other; core.outcome takes the run back where it had changed something by then.
    """

    def __init__(self, status: int, method: str, path: str, message: str, reason: str = "") -> None:
        self.status = status
        self.reason = reason
        super().__init__(
            Problem(
                f"api-{status}",
                f"The API server refused {method} {path.split('?')[0]}: {message} ({status}).",
                _HINTS.get(status, "See the API server's message."),
                object=path.split("?")[0],
            )
        )


_HINTS = {
    401: "The credentials are refused or have expired: log in again (aws sso login, or a new token).",
    403: "The account lacks this permission; docs/reference/rbac.md lists what each command needs.",
    409: "Somebody changed the object at the same moment; run the command again.",
    422: "The API server says why; nothing was changed by this request.",
}


class Kube:
    """One cluster's API server. Safe for use from many threads; opened after Ansible's fork, never before."""

    def __init__(
        self,
        api: ApiClient,
        log: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._pool: Any = api.rest_client.pool_manager
        self._host: str = api.configuration.host
        self._log = log
        self._sleep = sleep

    @classmethod
    def connect(
        cls, kubeconfig: str | None, context: str | None, log: Callable[[str], None] = lambda _: None
    ) -> Kube:
        """A client for ``context`` of ``kubeconfig`` (the usual file by default, the pod's account inside a cluster).

        Raises UsageError where the file or context is missing or broken.
        """
        try:
            configuration = _configuration(kubeconfig, context)
        except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                Problem(
                    "kubeconfig-unusable",
                    f"No usable cluster in {kubeconfig or 'the default kubeconfig'}"
                    f"{f' (context {context})' if context else ''}: {error}",
                    "Set meshroll_cluster.kubeconfig and .context; `kubectl config get-contexts` lists what there is.",
                )
            ) from error
        configuration.connection_pool_maxsize = 64
        configuration.retries = False
        return cls(ApiClient(configuration=configuration), log)

    # -- reading ---------------------------------------------------------------------------------------------

    def get(self, path: str) -> Object | None:
        """The object at ``path`` or None where there is none. Raises ApiError for any other refusal."""
        try:
            return self._json("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list_all(self, path: str, **query: str) -> tuple[list[Object], str]:
        """All objects at ``path``, page by page, and the resourceVersion to watch from."""
        items: list[Object] = []
        token = ""
        while True:
            page_query = {"limit": str(PAGE_SIZE), **query, **({"continue": token} if token else {})}
            page = self._json("GET", f"{path}?{urlencode(page_query)}")
            items += page.get("items") or []
            token = page["metadata"].get("continue") or ""
            if not token:
                return items, page["metadata"]["resourceVersion"]

    def watch(self, path: str, resource_version: str, seconds: int) -> Iterator[Object]:
        """Watch events ({"type", "object"}) until the server ends the stream after ``seconds``.

        Raises ApiError 410 where the resourceVersion is too old, urllib3's errors where the connection breaks.
        """
        query = {
            "watch": "1",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true",
        }
        response = self._send(
            "GET", f"{path}?{urlencode(query)}", None, None, urllib3.Timeout(connect=5, read=seconds + 5)
        )
        try:
            if response.status != 200:
                raise _api_error(response.status, "GET", path, response.read())
            buffer = b""
            for chunk in response.stream(65536, decode_content=True):
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        status = event["object"]
                        raise ApiError(
                            int(status.get("code", 500)), "WATCH", path, str(status.get("message", ""))
                        )
                    yield event
        finally:
            with suppress(Exception):
                response.close()

    def read_text(self, path: str, query: Mapping[str, str]) -> bytes:
        """The raw body of a GET: for Prometheus behind the API server's Service proxy."""
        return self._request("GET", f"{path}?{urlencode(query)}")

    # -- writing ---------------------------------------------------------------------------------------------

    def create(self, path: str, body: Mapping[str, Any], **query: str) -> Object:
        return self._json("POST", _with_manager(path, query), body)

    def replace(self, path: str, body: Mapping[str, Any]) -> Object:
        return self._json("PUT", _with_manager(path, {}), body)

    def json_patch(self, path: str, operations: list[dict[str, Any]]) -> Object:
        """Raises ApiError 422 where a ``test`` operation finds another value than the plan saw."""
        return self._json("PATCH", _with_manager(path, {}), operations, JSON_PATCH)

    def merge_patch(self, path: str, body: Mapping[str, Any]) -> Object:
        return self._json("PATCH", _with_manager(path, {}), body, MERGE_PATCH)

    def apply(self, path: str, body: Mapping[str, Any]) -> Object:
        """Server-side apply under the field manager ``meshroll``: only for objects that meshroll makes."""
        return self._json("PATCH", _with_manager(path, {"force": "true"}), body, SERVER_SIDE_APPLY)

    def delete(self, path: str, uid: str | None = None) -> None:
        """Deletes the object, of exactly this ``uid`` where one is given; an absent one is fine."""
        body = {"preconditions": {"uid": uid}} if uid else None
        with SuppressStatus(404):
            self._json("DELETE", path, body)

    # -- one request -----------------------------------------------------------------------------------------

    def _json(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Object:
        parsed: Object = json.loads(self._request(method, path, body, content_type))
        return parsed

    def _request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> bytes:
        """One request, tried again while the server says "later" or the connection breaks.

        A write whose answer was lost may be sent twice; that is safe, because JSON Patch tests old values, apply is
        idempotent, and a create answers 409.
        """
        encoded = None if body is None else json.dumps(body).encode()
        for attempt in range(1, ATTEMPTS + 1):
            wait_seconds = min(8.0, 0.25 * 2**attempt) * random.uniform(0.5, 1.0)
            try:
                response = self._send(method, path, encoded, content_type, TIMEOUT)
                data = bytes(response.read())
                response.release_conn()
            except urllib3.exceptions.HTTPError as error:
                if attempt == ATTEMPTS:
                    raise _unreachable(self._host, error) from error
                self._log(
                    f"{method} {path.split('?')[0]}: {type(error).__name__}; again in {wait_seconds:.1f} s"
                )
                self._sleep(wait_seconds)
                continue
            if 200 <= response.status < 300:
                return data
            if response.status in RETRIED_STATUSES and attempt < ATTEMPTS:
                asked = response.headers.get("Retry-After", "")
                wait_seconds = max(wait_seconds, float(asked) if asked.isdigit() else 0.0)
                self._log(f"{method} {path.split('?')[0]}: {response.status}; again in {wait_seconds:.1f} s")
                self._sleep(wait_seconds)
                continue
            raise _api_error(response.status, method, path, data)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _send(
        self, method: str, path: str, body: bytes | None, content_type: str | None, timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        headers: dict[str, str] = {"Accept": "application/json", "User-Agent": "meshroll"}
        if body is not None:
            headers["Content-Type"] = content_type or "application/json"
        self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        response: urllib3.BaseHTTPResponse = self._pool.request(
            method,
            self._host + path,
            body=body,
            headers=headers,
            timeout=timeout,
            preload_content=False,
            retries=False,
        )
        return response


class SuppressStatus(suppress):
    """``with SuppressStatus(404):`` ignores ApiErrors of these HTTP codes, and nothing else."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(ApiError)
        self._statuses = statuses

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return isinstance(error, ApiError) and error.status in self._statuses


def _configuration(kubeconfig: str | None, context: str | None) -> Any:
    from kubernetes.client import Configuration

    configuration = Configuration()
    try:
        config.load_kube_config(
            config_file=kubeconfig, context=context, client_configuration=configuration, persist_config=False
        )
    except ConfigException:
        if kubeconfig or context:
            raise
        config.load_incluster_config(client_configuration=configuration)
    return configuration


def _with_manager(path: str, query: Mapping[str, str]) -> str:
    separator = "&" if "?" in path else "?"
    return path + separator + urlencode({"fieldManager": FIELD_MANAGER, **query})


def _api_error(status: int, method: str, path: str, data: bytes) -> ApiError:
    try:
        parsed = json.loads(data)
        message, reason = str(parsed.get("message", "")), str(parsed.get("reason", ""))
    except (ValueError, AttributeError):
        message, reason = data[:256].decode(errors="replace"), ""
    return ApiError(status, method, path, message, reason)


def _unreachable(host: str, error: Exception) -> Refused:
    return Refused(
        Problem(
            "api-unreachable",
            f"The API server {host} cannot be reached: {error}",
            "Is the cluster up, is this machine allowed to reach it, and is meshroll_cluster.context the right one?",
        )
    )
