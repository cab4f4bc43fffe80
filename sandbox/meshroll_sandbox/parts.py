"""What the sandbox runs: the command line of each process, and where it says that it is ready.

Flags and their reasons come from trials of these very versions; what is not obvious says why it is there.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from meshroll_sandbox.paths import SandboxFolder, content_root
from meshroll_sandbox.pki import Pki
from meshroll_sandbox.processes import FOLDER_VARIABLE
from meshroll_sandbox.tools import Tools

SERVICE_RANGE = "127.96.0.0/16"
"""Loopback, so that even a ClusterIP that is dialled by mistake stays on the machine."""

POD_RANGE = "10.244.0.0/16"
"""Nothing ever dials a pod: EndpointSlices refuse loopback addresses, so this range cannot be one."""

PART_NAMES = (
    *("etcd", "kube-apiserver", "prometheus", "kube-controller-manager", "kube-scheduler", "kwok"),
    "standins",
)
"""All processes, in the order of their start."""


@dataclass(frozen=True)
class Part:
    """One process: its name, command line, what to ask whether it is ready, and its own loopback ports.

    `needs_api`: it ends, or idles for seconds, when the API server is not there yet.
    """

    name: str
    argv: list[str]
    ready_url: str
    ports: tuple[str, ...]
    needs_api: bool = True
    environment: dict[str, str] = field(default_factory=dict)


def parts(layout: SandboxFolder, ports: dict[str, int], tools: Tools) -> tuple[Part, ...]:
    """All processes, as PART_NAMES lists them."""
    pki = Pki(layout.pki)
    etcd_url = f"http://127.0.0.1:{ports['etcd']}"
    return (
        Part(
            "etcd",
            _etcd(layout, ports, tools),
            f"{etcd_url}/health",
            ("etcd", "etcd_peer"),
            needs_api=False,
        ),
        Part(
            "kube-apiserver",
            _apiserver(layout, ports, tools, pki, etcd_url),
            f"https://127.0.0.1:{ports['apiserver']}/readyz",
            ("apiserver",),
            needs_api=False,
        ),
        Part(
            "prometheus",
            _prometheus(layout, ports, tools),
            f"http://127.0.0.1:{ports['prometheus']}/-/ready",
            ("prometheus",),
            needs_api=False,
        ),
        Part(
            "kube-controller-manager",
            _controller_manager(layout, ports, tools, pki),
            f"https://127.0.0.1:{ports['controller_manager']}/healthz",
            ("controller_manager",),
        ),
        Part(
            "kube-scheduler",
            [
                *(str(tools.kube_scheduler), *_client(layout), "--leader-elect=false"),
                *_secure_port(ports["scheduler"], layout.pki / "kube-scheduler"),
            ],
            f"https://127.0.0.1:{ports['scheduler']}/healthz",
            ("scheduler",),
        ),
        Part("kwok", _kwok(layout, ports, tools), f"http://127.0.0.1:{ports['kwok']}/healthz", ("kwok",)),
        Part(
            "standins",
            [sys.executable, "-m", "meshroll_sandbox.standins", "--folder", str(layout.root)],
            f"http://127.0.0.1:{ports['standins']}/healthz",
            ("standins", "injector"),
            environment={
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "PYTHONUNBUFFERED": "1",
            },
        ),
    )


def environment(layout: SandboxFolder, part: Part) -> dict[str, str]:
    """What a process of the sandbox sees: no proxy settings, no credentials, and a home inside the folder."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    home = str(layout.home)
    return kept | {"HOME": home, "TMPDIR": home, FOLDER_VARIABLE: str(layout.root)} | part.environment


def _etcd(layout: SandboxFolder, ports: dict[str, int], tools: Tools) -> list[str]:
    client, peer = (f"http://127.0.0.1:{ports[name]}" for name in ("etcd", "etcd_peer"))
    return [
        *(str(tools.etcd), "--data-dir", str(layout.etcd_data)),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
        *("--initial-cluster", f"default={peer}", "--log-level", "warn"),
        # A sandbox need not survive a power cut, and fsync is what etcd waits for most.
        "--unsafe-no-fsync",
    ]


def _apiserver(
    layout: SandboxFolder, ports: dict[str, int], tools: Tools, pki: Pki, etcd_url: str
) -> list[str]:
    return [
        *(str(tools.kube_apiserver), f"--etcd-servers={etcd_url}"),
        *("--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={ports['apiserver']}"),
        # Endpoints refuse 127.x addresses, its own included.
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={pki.server_certificate}",
        f"--tls-private-key-file={pki.server_key}",
        f"--client-ca-file={pki.ca_certificate}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki.service_account_public}",
        f"--service-account-signing-key-file={pki.service_account_key}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--allow-privileged=true",
        # Webhooks, the Service proxy and kubelets: without it the API server dials them on the default route.
        f"--egress-selector-config-file={egress_selector_file(layout)}",
        # What other accounts than the administrator ask for, who is also every process of the sandbox.
        f"--audit-policy-file={audit_policy_file(layout)}",
        f"--audit-log-path={layout.audit_log}",
        # It taints new nodes until the node lifecycle controller, which is off, finds them Ready.
        "--disable-admission-plugins=TaintNodesByCondition",
    ]


def _controller_manager(layout: SandboxFolder, ports: dict[str, int], tools: Tools, pki: Pki) -> list[str]:
    return [
        *(str(tools.kube_controller_manager), *_client(layout), "--leader-elect=false"),
        *_secure_port(ports["controller_manager"], layout.pki / "kube-controller-manager"),
        f"--service-account-private-key-file={pki.service_account_key}",
        f"--root-ca-file={pki.ca_certificate}",
        *("--concurrent-deployment-syncs=20", "--concurrent-replicaset-syncs=20"),
        # On a machine that slept, all nodes would go NotReady and take their pods' readiness with them.
        "--controllers=*,-node-lifecycle-controller",
    ]


def _client(layout: SandboxFolder) -> list[str]:
    return [f"--kubeconfig={layout.kubeconfig}", "--kube-api-qps=1000", "--kube-api-burst=2000"]


def _secure_port(port: int, certificates: Path) -> list[str]:
    return ["--bind-address=127.0.0.1", f"--secure-port={port}", f"--cert-dir={certificates}"]


def _kwok(layout: SandboxFolder, ports: dict[str, int], tools: Tools) -> list[str]:
    return [
        *(str(tools.kwok), "--kubeconfig", str(layout.kubeconfig)),
        *("--config", str(content_root() / "kwok.yml"), "--manage-all-nodes"),
        *("--cidr", POD_RANGE, "--node-ip", "10.0.0.1"),
        # With leases, a KWOK that is started again lets its nodes be until those of the last one run out.
        *("--node-lease-duration-seconds", "0"),
        *("--server-address", f"127.0.0.1:{ports['kwok']}"),
    ]


def _prometheus(layout: SandboxFolder, ports: dict[str, int], tools: Tools) -> list[str]:
    return [
        *(str(tools.prometheus), f"--config.file={prometheus_file(layout)}"),
        *(f"--storage.tsdb.path={layout.prometheus_data}", "--storage.tsdb.retention.time=1d"),
        "--scrape.discovery-reload-interval=1s",  # hidden; the default of 5 s would delay each first scrape
        *(f"--web.listen-address=127.0.0.1:{ports['prometheus']}", "--log.level=warn"),
    ]


def egress_selector_file(layout: SandboxFolder) -> Path:
    return layout.config / "egress-selector.yml"


def audit_policy_file(layout: SandboxFolder) -> Path:
    return layout.config / "audit-policy.yml"


def prometheus_file(layout: SandboxFolder) -> Path:
    return layout.config / "prometheus.yml"
