"""The control plane's webhooks, behind one TLS port: which of them is up, and with what certificate it answers."""

import ssl
import tempfile
from pathlib import Path

from meshroll_sandbox.standins.context import Context
from meshroll_sandbox.standins.kube import Object, secret_data, version_of

NAMESPACE = "linkerd"

DEPLOYMENTS = {
    "linkerd-proxy-injector": "linkerd-proxy-injector",
    "linkerd-sp-validator": "linkerd-destination",
    "linkerd-policy-validator": "linkerd-destination",
}
"""The Service that a webhook is called at, and the Deployment whose pods would answer."""

_SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets?fieldSelector=type%3Dkubernetes.io/tls"
_DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


class Webhooks:
    """Follows the Deployments and Secrets of the webhooks."""

    def __init__(self, context: Context) -> None:
        self.deployments = context.kube.cache(_DEPLOYMENTS)
        self._secrets = context.kube.cache(_SECRETS)
        self._contexts: dict[str, tuple[str, ssl.SSLContext]] = {}

    def is_up(self, service: str) -> bool:
        """Whether a pod that would answer for the webhook is ready."""
        found = self.deployments.get(NAMESPACE, DEPLOYMENTS.get(service, ""))
        return found is not None and found.get("status", {}).get("readyReplicas", 0) > 0

    def tls(self) -> ssl.SSLContext:
        """Server settings that present the certificate in the Secret of the webhook that the client names."""
        front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

        def choose(connection: ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> int | None:
            service = (host or "").split(".")[0]
            found = self._secrets.get(NAMESPACE, f"{service}-k8s-tls")
            if service not in DEPLOYMENTS or found is None:
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            connection.context = self._context(service, found)
            return None

        front.sni_callback = choose
        return front

    def _context(self, service: str, found: Object) -> ssl.SSLContext:
        """The Secret's certificate, read anew when the Secret changed."""
        version, context = self._contexts.get(service, ("", None))
        if context is None or version != version_of(found):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            data = secret_data(found)
            with tempfile.TemporaryDirectory() as folder:
                certificate, key = Path(folder, "tls.crt"), Path(folder, "tls.key")
                certificate.write_bytes(data["tls.crt"])
                key.write_bytes(data["tls.key"])
                context.load_cert_chain(certificate, key)
            self._contexts[service] = version_of(found), context
        return context
