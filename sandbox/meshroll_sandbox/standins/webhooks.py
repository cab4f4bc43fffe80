"""The control plane's webhooks, behind one TLS port: which of them is up, and with what certificate it answers."""

import ssl
import tempfile
from pathlib import Path

from meshroll_sandbox.standins.context import Context
from meshroll_sandbox.standins.kube import Object, secret_data, version_of

NAMESPACE = "linkerd"

COMPONENTS = {
    "linkerd-proxy-injector": "proxy-injector",
    "linkerd-sp-validator": "destination",
    "linkerd-policy-validator": "destination",
}
"""The Service that a webhook is called at, and the component of the control plane whose pods would answer."""

COMPONENT_LABEL = "linkerd.io/control-plane-component"

_SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets?fieldSelector=type%3Dkubernetes.io/tls"
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


class Webhooks:
    """Follows the pods and Secrets of the webhooks."""

    def __init__(self, context: Context) -> None:
        self.pods = context.kube.cache(_PODS)
        self._secrets = context.kube.cache(_SECRETS)
        self._contexts: dict[str, tuple[str, ssl.SSLContext]] = {}

    def is_up(self, service: str) -> bool:
        """Whether a pod that would answer for the webhook is ready."""
        return self.answering(service) is not None

    def answering(self, service: str) -> Object | None:
        """The pod that answers for the webhook: of those that are ready, the youngest."""
        ready = [
            pod
            for pod in self.pods.objects.values()
            if (pod["metadata"].get("labels") or {}).get(COMPONENT_LABEL) == COMPONENTS.get(service, "")
            and _is_ready(pod)
        ]
        return max(ready, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), default=None)

    def tls(self) -> ssl.SSLContext:
        """Server settings that present the certificate in the Secret of the webhook that the client names."""
        front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

        def choose(connection: ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> int | None:
            service = (host or "").split(".")[0]
            found = self._secrets.get(NAMESPACE, f"{service}-k8s-tls")
            if service not in COMPONENTS or found is None:
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


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]
