"""The proxy injector's webhook, as the release in the cluster would answer; and the validators', which allow all."""

import asyncio
import base64
import json
import logging
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from meshroll_sandbox.standins.context import Context
from meshroll_sandbox.standins.edge import Edge
from meshroll_sandbox.standins.events import create_event
from meshroll_sandbox.standins.kube import Kube, Object, version_of
from meshroll_sandbox.standins.podpatch import (
    InjectionError,
    InjectorConfig,
    Operation,
    Owner,
    patch_pod,
    patch_service,
)
from meshroll_sandbox.standins.webhooks import NAMESPACE, Webhooks

COMPONENT = "linkerd-proxy-injector"
LONGEST_REQUEST_BYTES = 10 << 20

_PARENTS = {"ReplicaSet": "/apis/apps/v1", "Job": "/apis/batch/v1"}
"""Kinds of owners that mostly have an owner themselves, and the API they are in."""

log = logging.getLogger(__name__)


class Injector:
    """Answers AdmissionReviews. What the pods of a real injector have mounted is read from the API instead, so a
    changed ConfigMap shows at once and not after up to a minute.
    """

    def __init__(self, context: Context, webhooks: Webhooks) -> None:
        self._kube: Kube = context.kube
        self._webhooks = webhooks
        self._config_maps = context.kube.cache(f"/api/v1/namespaces/{NAMESPACE}/configmaps")
        self._values: tuple[str, dict[str, Any]] = ("", {})
        self._events: set[asyncio.Task[None]] = set()

    async def answer(self, request: web.Request) -> web.Response:
        """An AdmissionReview v1 with its response."""
        if not self._webhooks.is_up(request.host.split(".")[0]):
            # Reached over a connection from when it was up: gone, as the pod would be.
            if request.transport:
                request.transport.abort()
            raise web.HTTPServiceUnavailable
        review = await request.json()
        asked = review["request"]
        try:
            patch = await self._patch(asked)
        except (InjectionError, aiohttp.ClientError, OSError) as error:
            log.warning("refused %s %s: %s", asked["namespace"], asked["kind"]["kind"], error)
            response = {"uid": asked["uid"], "allowed": False, "status": {"message": str(error)}}
        else:
            response = {"uid": asked["uid"], "allowed": True}
            if patch:
                encoded = base64.b64encode(json.dumps(patch).encode()).decode()
                response |= {"patchType": "JSONPatch", "patch": encoded}
        return web.json_response(
            {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}
        )

    async def _patch(self, asked: Object) -> list[Operation]:
        kind, namespace = asked["kind"]["kind"], asked.get("namespace", "")
        if kind not in ("Pod", "Service"):
            return []
        # Read, not taken from a cache: whoever annotates a namespace and then creates a pod should see both.
        home = await self._kube.get(f"/api/v1/namespaces/{namespace}")
        inherited = ((home or {}).get("metadata") or {}).get("annotations") or {}
        if kind == "Service":
            return patch_service(asked["object"], inherited, self._config())
        reference = await self._owner(asked["object"], namespace)
        owner = Owner(reference["kind"].lower(), reference["name"]) if reference else Owner("pod", "")
        decision = patch_pod(asked["object"], namespace, inherited, owner, self._config())
        if reference:
            self._record(reference, namespace, decision.skipped)
        return decision.patch

    async def _owner(self, pod: Object, namespace: str) -> Object | None:
        """The owner reference that leads to the pod's workload; None for a pod of its own."""
        references = pod["metadata"].get("ownerReferences") or []
        if len(references) != 1:
            return None
        parent: Object = references[0]
        if parent["kind"] in _PARENTS:
            path = f"{_PARENTS[parent['kind']]}/namespaces/{namespace}/{parent['kind'].lower()}s"
            found = await self._kube.get(f"{path}/{parent['name']}")
            above = ((found or {}).get("metadata") or {}).get("ownerReferences") or []
            if len(above) == 1:
                return dict(above[0])
        return parent

    def _record(self, reference: Object, namespace: str, skipped: str | None) -> None:
        """Write the event that an injector leaves on a pod's workload, without keeping the pod waiting."""
        about = {
            "apiVersion": reference["apiVersion"],
            "kind": reference["kind"],
            "metadata": {"name": reference["name"], "namespace": namespace, "uid": reference["uid"]},
        }
        reason, message = "Injected", "Linkerd sidecar proxy injected"
        if skipped is not None:
            reason, message = "InjectionSkipped", f"Linkerd sidecar proxy injection skipped: {skipped}"
        task = asyncio.create_task(create_event(self._kube, about, reason, message, COMPONENT))
        self._events.add(task)
        task.add_done_callback(self._events.discard)

    def _config(self) -> InjectorConfig:
        """What the injector is told by the chart's ConfigMaps. Raises InjectionError where they are missing."""
        values = self._config_maps.get(NAMESPACE, "linkerd-config")
        anchors = self._config_maps.get(NAMESPACE, "linkerd-identity-trust-roots")
        if values is None or anchors is None:
            missing = "linkerd-config" if values is None else "linkerd-identity-trust-roots"
            raise InjectionError(f"the ConfigMap {NAMESPACE}/{missing} is missing")
        if self._values[0] != version_of(values):
            self._values = version_of(values), yaml.safe_load(values["data"]["values"])
        return InjectorConfig(self._edge(), self._values[1], anchors["data"]["ca-bundle.crt"], NAMESPACE)

    def _edge(self) -> Edge:
        """The release of the pod that answers: while a newer one does not come up, the older one's."""
        pod = self._webhooks.answering(COMPONENT)
        containers = pod["spec"]["containers"] if pod else []
        images = [each["image"] for each in containers if each["name"] == "proxy-injector"]
        try:
            return Edge.parse(images[0].rpartition(":")[2])
        except (IndexError, ValueError) as error:
            raise InjectionError(
                f"{NAMESPACE}/{COMPONENT} runs no release that is known: {images}"
            ) from error


async def start(context: Context) -> None:
    """Serve the control plane's webhooks on the TLS port `injector`."""
    app = web.Application(client_max_size=LONGEST_REQUEST_BYTES)
    webhooks = Webhooks(context)
    app.router.add_post("/", Injector(context, webhooks).answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", context.ports["injector"], ssl_context=webhooks.tls()).start()
