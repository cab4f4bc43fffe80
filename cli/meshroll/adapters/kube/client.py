"""A Kubernetes client that speaks plain JSON.

Authentication, TLS and the exec plugins of EKS come from the ``kubernetes`` package; objects stay dicts, because
building its model classes costs more time and memory than the whole look at a large namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from meshroll.adapters.kube.connection import JSON, Connection, connection
from meshroll.adapters.kube.errors import ApiError, SuppressStatus, refusal
from meshroll.adapters.kube.limits import Limits
from meshroll.adapters.kube.requests import Requests
from meshroll.core.retry import Patience, holds

__all__ = ["ApiError", "Kube", "Object", "SuppressStatus"]

Object = dict[str, Any]
T = TypeVar("T")

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
SERVER_SIDE_APPLY = "application/apply-patch+yaml"
# What the API server makes of objects that would be large: their metadata, or the table that kubectl prints, with it.
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
FIELD_MANAGER = "meshroll"
PAGE_SIZE = 500
LISTS_MAX = 3
# While a run only looks, a person waits for it; once it has changed something, an API server that restarts or whose
# load balancer moves must not decide how the run ends.
SHORT_PATIENCE_SECONDS = 15.0
LONG_PATIENCE_SECONDS = 180.0


class _ListMeta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion")
    token: str = msgspec.field(name="continue", default="")


class _Head(msgspec.Struct):
    """All that is read of a page to ask for the next one."""

    metadata: _ListMeta


# Made before there are threads: two that ask msgspec for the same type at once, the first time, crash.
_HEAD = msgspec.json.Decoder(_Head)
_OBJECT: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Kube:
    """One cluster's API server. Safe for use from many threads; opened after Ansible's fork, never before.

    Raises ApiError for a refusal, Refused (``api-unreachable``) where no answer came within ``patience_seconds``.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    @classmethod
    def connect(
        cls,
        kubeconfig: str | None,
        context: str | None,
        log: Callable[[str], None] = lambda _: None,
        patience_seconds: float = SHORT_PATIENCE_SECONDS,
        limits: Limits | None = None,
    ) -> Kube:
        """A client for ``context`` of ``kubeconfig`` (the usual file by default, the pod's account inside a cluster).

        Raises UsageError where the file or context is missing or broken.
        """
        return cls.over(connection(kubeconfig, context), log, patience_seconds, limits)

    @classmethod
    def over(
        cls,
        opened: Connection,
        log: Callable[[str], None],
        patience_seconds: float,
        limits: Limits | None = None,
    ) -> Kube:
        """A client of the API server that ``opened`` leads to."""
        return cls(Requests(opened, log, Patience(patience_seconds), limits))

    def fenced(self, before_write: Callable[[], None]) -> Kube:
        """The same client, which calls ``before_write`` before every try of every write and lets it raise."""
        return Kube(replace(self._requests, before_write=before_write))

    def hurried(self) -> Kube:
        """The same client, which tries each request once: for what is worth less than the time to try it again."""
        return Kube(replace(self._requests, patience=Patience(0.0)))

    def urgent(self) -> Kube:
        """The same client, whose requests wait for no turn: for the few that others' writes wait for."""
        return Kube(replace(self._requests, limits=None))

    def server_now(self) -> datetime:
        """The API server's clock (UTC, to a second) as of its last answer; asks for one where there was none yet.

        This machine's own where no answer has a date, which Kubernetes' API server never leaves out.
        """
        known = self._requests.connection.server_now()
        if known is None:
            with suppress(ApiError):
                self.get("/version")
            known = self._requests.connection.server_now()
        return known or datetime.now(UTC)

    # -- reading ---------------------------------------------------------------------------------------------

    def get(self, path: str, accept: str = JSON) -> Object | None:
        """The object at ``path`` or None where there is none."""
        try:
            return self._json("GET", path, accept=accept)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list_all(self, path: str, **query: str) -> tuple[list[Object], str]:
        """All objects at ``path``, page by page, and the resourceVersion to watch from."""
        return self.list_as(path, JSON, lambda page: page.get("items") or [], **query)

    def list_metadata(self, path: str, **query: str) -> tuple[list[Object], str]:
        """As list_all, but no more of each object than its metadata."""
        return self.list_as(path, METADATA_LIST, lambda page: page.get("items") or [], **query)

    def list_as(
        self,
        path: str,
        accept: str,
        read: Callable[[Object], Iterable[T]],
        decoder: Any = _OBJECT,
        **query: str,
    ) -> tuple[list[T], str]:
        """What ``read`` makes of each page that ``decoder`` gives, which is forgotten before the one after the next."""
        for left in reversed(range(LISTS_MAX)):
            try:
                return self._pages(path, accept, read, decoder, query)
            except ApiError as error:
                # 410: what the pages were cut from is compacted by now, as after a long pause between two of them.
                if error.status != 410 or not left:
                    raise
                self._requests.log(f"GET {path}: the list has expired; again from its beginning")
        raise AssertionError("unreachable: the last list returns or raises")

    def _pages(
        self,
        path: str,
        accept: str,
        read: Callable[[Object], Iterable[T]],
        decoder: Any,
        query: Mapping[str, str],
    ) -> tuple[list[T], str]:
        items: list[T] = []

        def page(token: str) -> bytes:
            page_query = {"limit": str(PAGE_SIZE), **query, **({"continue": token} if token else {})}
            return self._requests.send("GET", f"{path}?{urlencode(page_query)}", accept=accept)

        # The API server makes the next page while this one is read: of a large list each takes as long as the other.
        with ThreadPoolExecutor(max_workers=1) as ahead:
            data = page("")
            while True:
                head = _HEAD.decode(data).metadata
                following = ahead.submit(page, head.token) if head.token else None
                items += read(decoder.decode(data))
                if following is None:
                    return items, head.resource_version
                data = following.result()

    def watch(self, path: str, resource_version: str, seconds: int) -> Iterator[Object]:
        """Watch events ({"type", "object"}) until the server ends the stream after ``seconds``; tried once.

        Raises ApiError 410 where the resourceVersion is too old, urllib3's errors where the connection breaks.
        """
        query = {
            "watch": "1",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true",
        }
        response = self._requests.stream(f"{path}?{urlencode(query)}", seconds)
        try:
            if response.status != 200:
                raise refusal(response.status, "GET", path, response.read(), response.headers)
            buffer = b""
            for chunk in response.stream(65536, decode_content=True):
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    event = _OBJECT.decode(line)
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
        return self._requests.send_to_proxied(f"{path}?{urlencode(query)}")

    # -- writing ---------------------------------------------------------------------------------------------

    def create(self, path: str, body: Mapping[str, Any], **query: str) -> Object:
        """Raises ApiError 409 where somebody else's object is there; one that a lost answer left behind is ours."""
        try:
            return self._json("POST", _with_manager(path, query), body)
        except ApiError as error:
            return self._own(error, f"{path}/{(body.get('metadata') or {}).get('name')}", body)

    def replace(self, path: str, body: Mapping[str, Any]) -> Object:
        """Raises ApiError 409 where the object has another resourceVersion by now, unless by this very write."""
        try:
            return self._json("PUT", _with_manager(path, {}), body)
        except ApiError as error:
            return self._own(error, path, body)

    def _own(self, error: ApiError, path: str, body: Mapping[str, Any]) -> Object:
        """The object as an earlier try wrote it whose answer was lost; else raises ``error``."""
        if error.status == 409 and error.unsure:
            present = self.get(path)
            if present is not None and holds(present, body):
                return present
        raise error

    def json_patch(self, path: str, operations: list[dict[str, Any]]) -> Object:
        """Raises ApiError 422 where a ``test`` operation finds another value than the plan saw."""
        return self._json("PATCH", _with_manager(path, {}), operations, JSON_PATCH)

    def merge_patch(self, path: str, body: Mapping[str, Any]) -> Object:
        return self._json("PATCH", _with_manager(path, {}), body, MERGE_PATCH)

    def apply(self, path: str, body: Mapping[str, Any]) -> Object:
        """Server-side apply under the field manager ``meshroll``: only for objects that meshroll makes."""
        return self._json("PATCH", _with_manager(path, {"force": "true"}), body, SERVER_SIDE_APPLY)

    def delete(
        self,
        path: str,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> None:
        """Deletes the object, of exactly this ``uid`` and state where they are given; an absent one is fine.

        ``grace_seconds`` is what a pod has to end; 0 kills it. Raises ApiError 409 where it is in another state.
        """
        wanted = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {key: value for key, value in wanted.items() if value}
        options = {"preconditions": preconditions or None, "gracePeriodSeconds": grace_seconds}
        body = {key: value for key, value in options.items() if value is not None} or None
        try:
            self._json("DELETE", path, body)
        except ApiError as error:
            if error.status == 409 and uid:
                present = self.get(path)
                if present is None or present["metadata"]["uid"] != uid:
                    return
            if error.status != 404:
                raise

    def _json(
        self, method: str, path: str, body: Any = None, content_type: str = JSON, accept: str = JSON
    ) -> Object:
        parsed: Object = msgspec.json.decode(self._requests.send(method, path, body, content_type, accept))
        return parsed


def _with_manager(path: str, query: Mapping[str, str]) -> str:
    separator = "&" if "?" in path else "?"
    return path + separator + urlencode({"fieldManager": FIELD_MANAGER, **query})
