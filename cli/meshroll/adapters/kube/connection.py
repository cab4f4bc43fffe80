"""The connections to one API server: its credentials, loaded anew when they have expired, and its clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3
import yaml

from meshroll.adapters import clock
from meshroll.adapters.kube.credentials import ApiClient, ConfigException, Configuration, config
from meshroll.core.errors import Problem, UsageError

JSON = "application/json"
UNUSABLE = (ConfigException, OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError)


class Connection:
    """Shared by all clients of one API server and by all their threads."""

    def __init__(self, load: Callable[[], Any], seconds: Callable[[], float] = clock.seconds) -> None:
        """``load`` reads the kubernetes package's Configuration from where it comes from. Raises what it raises."""
        self._load = load
        self._seconds = seconds
        self._lock = threading.Lock()
        self._clock_offset: float | None = None
        self._generation = 0
        self._open()

    @property
    def host(self) -> str:
        return self._host

    @property
    def generation(self) -> int:
        """Counts how often credentials were loaded."""
        return self._generation

    def renew(self, generation: int) -> bool:
        """Loads credentials anew, unless another thread has done so since ``generation``; False where it cannot be.

        An exec plugin of EKS gives a token for 15 minutes, a pod's token rotates, a file may hold a new certificate.
        """
        with self._lock:
            if self._generation != generation:
                return True
            try:
                self._open()
            except UNUSABLE:
                return False
            return True

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        content_type: str,
        timeout: urllib3.Timeout,
        before_send: Callable[[], None] = lambda: None,
        accept: str = JSON,
    ) -> urllib3.BaseHTTPResponse:
        """One request, once; its answer with the body still to be read. Raises urllib3's errors.

        ``before_send`` is called when the credentials are there: to get them may take long.
        """
        headers: dict[str, str] = {"Accept": accept, "User-Agent": "meshroll"}
        if body is not None:
            headers["Content-Type"] = content_type
        with self._lock:
            self._authenticate(headers)
            pool, host = self._pool, self._host
        before_send()
        response: urllib3.BaseHTTPResponse = pool.request(
            method,
            host + path,
            body=body,
            headers=headers,
            timeout=timeout,
            preload_content=False,
            retries=False,
        )
        return response

    def server_now(self) -> datetime | None:
        """The API server's clock as of its last answer, to a second; None before the first."""
        with self._lock:
            offset = self._clock_offset
        return None if offset is None else datetime.fromtimestamp(self._seconds() + offset, UTC)

    def learn_clock(self, date: str) -> None:
        """From the Date of an answer that the API server itself gave."""
        try:
            offset = parsedate_to_datetime(date).timestamp() - self._seconds()
        except (ValueError, TypeError):
            return
        with self._lock:
            self._clock_offset = offset

    def _authenticate(self, headers: dict[str, str]) -> None:
        """The kubernetes package renews a token that it knows to be old; where it cannot, the old one may still do."""
        configuration = self._api.configuration
        try:
            settings = configuration.auth_settings()
        except UNUSABLE:
            headers["authorization"] = configuration.api_key["BearerToken"]
            return
        if "BearerToken" in settings:
            headers["authorization"] = settings["BearerToken"]["value"]

    def _open(self) -> None:
        configuration = self._load()
        configuration.connection_pool_maxsize = 64
        configuration.retries = False
        self._api = ApiClient(configuration=configuration)
        self._pool: Any = self._api.rest_client.pool_manager
        self._host: str = configuration.host
        self._generation += 1


def connection(kubeconfig: str | None, context: str | None) -> Connection:
    """To ``context`` of ``kubeconfig`` (the usual file by default, the pod's account inside a cluster).

    Raises UsageError where the file or context is missing or broken.
    """
    try:
        return Connection(lambda: _configuration(kubeconfig, context))
    except UNUSABLE as error:
        raise UsageError(
            Problem(
                "kubeconfig-unusable",
                f"No usable cluster in {kubeconfig or 'the default kubeconfig'}"
                f"{f' (context {context})' if context else ''}: {error}",
                "Set meshroll_cluster.kubeconfig and .context; `kubectl config get-contexts` lists what there is.",
            )
        ) from error


def _configuration(kubeconfig: str | None, context: str | None) -> Any:
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
