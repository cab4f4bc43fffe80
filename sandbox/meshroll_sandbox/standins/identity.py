"""The identity service's way with its issuer: each pod takes up a changed Secret, and says so by an event of its own.

As linkerd2 does it (pkg/identity/service.go, pkg/tls/creds_watcher.go): a pod reads the trust anchors and the issuer as
it starts, without a word, and the issuer again once kubelet has changed its mount.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from meshroll_sandbox import faults
from meshroll_sandbox.faults import IdentityMissesRotation
from meshroll_sandbox.standins.context import Context
from meshroll_sandbox.standins.events import create_event
from meshroll_sandbox.standins.kube import Object, secret_data
from meshroll_sandbox.standins.webhooks import NAMESPACE

COMPONENT = "linkerd-identity"
MOUNTED_AFTER_SECONDS = 1.0
"""How long kubelet takes to change a mount; a minute or so where there is one."""

_HOME = f"/api/v1/namespaces/{NAMESPACE}"
_PODS = f"{_HOME}/pods?labelSelector=linkerd.io%2Fcontrol-plane-component%3Didentity"
_SECRETS = f"{_HOME}/secrets?fieldSelector=metadata.name%3Dlinkerd-identity-issuer"
_PAIRS = (("tls.crt", "tls.key"), ("crt.pem", "key.pem"))

log = logging.getLogger(__name__)


@dataclass
class Process:
    """One pod's identity service: the trust anchors that it started with, and what its mount holds."""

    anchors: str
    mount: dict[str, bytes]


class Identity:
    """Follows the issuer's Secret and the pods that have it mounted."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._roots = context.kube.cache(f"{_HOME}/configmaps")
        self._secrets = context.kube.cache(_SECRETS)
        self._processes: dict[str, Process] = {}
        self._changed = asyncio.Event()
        self._secrets.listen(lambda *_: self._changed.set())
        context.kube.cache(_PODS).listen(self._on_pod)

    async def following(self, _: web.Application) -> AsyncIterator[None]:
        """Follow while the app runs."""
        task = asyncio.create_task(self._follow(), name="identity")
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await asyncio.sleep(MOUNTED_AFTER_SECONDS)
            try:
                await self._remount(self._issuer(), self._misses())
            except Exception:
                log.exception("a changed issuer was not told of")

    def _on_pod(self, change: str, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        roots = self._roots.get(NAMESPACE, "linkerd-identity-trust-roots")
        issuer = self._issuer()
        if change == "DELETED" or pod["metadata"].get("deletionTimestamp"):
            self._processes.pop(uid, None)
        elif (
            uid not in self._processes
            and pod.get("status", {}).get("phase") == "Running"
            and roots
            and issuer
        ):
            self._processes[uid] = Process(roots["data"]["ca-bundle.crt"], issuer)

    def _issuer(self) -> dict[str, bytes]:
        secret = self._secrets.get(NAMESPACE, "linkerd-identity-issuer")
        return secret_data(secret) if secret else {}

    def _misses(self) -> bool:
        return any(isinstance(fault, IdentityMissesRotation) for fault in faults.read(self._context.folder))

    async def _remount(self, issuer: dict[str, bytes], misses: bool) -> None:
        for process in list(self._processes.values()):
            if issuer and process.mount != issuer:
                process.mount = issuer
                if not misses:
                    await self._tell(problem(issuer, process.anchors))

    async def _tell(self, why_not: str | None) -> None:
        about = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": COMPONENT, "namespace": NAMESPACE},
        }
        if why_not is None:
            told = ("IssuerUpdated", "Updated identity issuer", COMPONENT, "Normal")
        else:
            message = f"Skipping issuer update as certs could not be read from disk: {why_not}"
            told = ("IssuerUpdateSkipped", message, COMPONENT, "Warning")
        await create_event(self._context.kube, about, *told)


def problem(data: dict[str, bytes], anchors: str) -> str | None:
    """Why a pod that started with these anchors does not take the pair in the mount; None where it does."""
    certificate_name, key_name = next((pair for pair in _PAIRS if pair[0] in data), _PAIRS[0])
    try:
        issuer = x509.load_pem_x509_certificates(data[certificate_name])[0]
        key = serialization.load_pem_private_key(data[key_name], password=None)
        roots = x509.load_pem_x509_certificates(anchors.encode())
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (KeyError, ValueError, TypeError, x509.ExtensionNotFound) as error:
        return f"failed to read CA from disk: {error}"
    if key.public_key() != issuer.public_key():
        return "failed to read CA from disk: tls: Public and private key do not match"
    if not any(_signed(issuer, root) for root in roots):
        return "failed to verify issuer credentials with trust anchors: x509: certificate signed by unknown authority"
    if not constraints.ca:
        return "failed to verify issuer certificate: it must be an intermediate-CA, but it is not"
    return None


def _signed(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


async def start(context: Context) -> None:
    """Begin to follow the issuer; ends with the app."""
    context.app.cleanup_ctx.append(Identity(context).following)
