"""Gateway API's CRDs, which Linkerd needs and does not bring: installed from a file where there are none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from meshroll.adapters.kube.client import Kube, Object
from meshroll.adapters.kube.look import BUNDLE_VERSION, HTTP_ROUTE_CRD
from meshroll.adapters.safe_yaml import parsed_all
from meshroll.core.errors import Failed, Problem, Refused
from meshroll.core.model import annotations_of

CRD_PATH = HTTP_ROUTE_CRD.rpartition("/")[0]
GROUP = "gateway.networking.k8s.io"
ESTABLISHED_SECONDS = 30.0
_RELEASE = "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.2.1/standard-install.yaml"
_HINT = (
    "Set meshroll_gateway_api.file to the standard-install.yaml of a Gateway API release, or run: "
    f"kubectl apply --server-side -f {_RELEASE}"
)


@dataclass(frozen=True)
class Bundle:
    """The CRDs of one Gateway API release."""

    version: str
    crds: tuple[Object, ...]


def read(file: str | None) -> Bundle:
    """The CRDs of ``file``. Raises Refused where none is given or it is not a Gateway API release."""
    if file is None:
        raise Refused(
            Problem("gateway-api-absent", "The cluster has no Gateway API, which Linkerd needs.", _HINT)
        )
    try:
        text = Path(file).expanduser().read_text()
        documents = [document for document in parsed_all(text) if document]
        crds = tuple(
            document
            for document in documents
            if document["kind"] == "CustomResourceDefinition" and document["spec"]["group"] == GROUP
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no YAML of Kubernetes objects"
        raise Refused(
            Problem("gateway-api-file", f"meshroll_gateway_api.file {file} is not usable: {reason}.", _HINT)
        ) from error
    if not any(crd["metadata"]["name"] == f"httproutes.{GROUP}" for crd in crds):
        raise Refused(
            Problem("gateway-api-file", f"meshroll_gateway_api.file {file} does not define HTTPRoute.", _HINT)
        )
    return Bundle(annotations_of(crds[0]).get(BUNDLE_VERSION, "unknown"), crds)


def install(kube: Kube, bundle: Bundle, between: Callable[[], None]) -> None:
    """Applies the CRDs and waits until the API server serves them. Raises Failed where it does not."""
    for crd in bundle.crds:
        kube.apply(f"{CRD_PATH}/{crd['metadata']['name']}", crd)
    until = time.monotonic() + ESTABLISHED_SECONDS
    for crd in bundle.crds:
        name = crd["metadata"]["name"]
        while not _established(kube.get(f"{CRD_PATH}/{name}") or {}):
            between()
            if time.monotonic() > until:
                raise Failed(
                    Problem(
                        "gateway-api-not-served",
                        f"The API server does not serve {name} after {ESTABLISHED_SECONDS:.0f} s.",
                        f"kubectl describe crd {name} says why; then run the same command again.",
                        object=f"CustomResourceDefinition/{name}",
                    )
                )
            time.sleep(0.1)


def _established(crd: Object) -> bool:
    conditions = (crd.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
