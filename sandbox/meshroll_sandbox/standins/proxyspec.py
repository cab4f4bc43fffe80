"""The containers and volumes of an injected pod, from the values of Linkerd's chart (its proxy templates)."""

from typing import Any

from meshroll_sandbox.standins.edge import INIT_IN_PROXY_IMAGE, Edge
from meshroll_sandbox.standins.overrides import Values

Container = dict[str, Any]

PROXY, INIT, VALIDATOR = "linkerd-proxy", "linkerd-init", "linkerd-network-validator"
SERVICE_ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_OLD_INIT_IMAGE = "cr.l5d.io/linkerd/proxy-init:v2.4.3"


def proxy_image(values: Values) -> str:
    return f"{values['proxy']['image']['name']}:{proxy_version(values)}"


def proxy_version(values: Values) -> str:
    return str(values["proxy"]["image"].get("version") or values["linkerdVersion"])


def proxy_container(values: Values, environment: list[Container], app: Container) -> Container:
    """The container linkerd-proxy. `app` is the pod's first container, whose capabilities and service account
    token it shares.
    """
    proxy = values["proxy"]
    admin, native, wait = proxy["ports"]["admin"], proxy["nativeSidecar"], proxy.get("waitBeforeExitSeconds")
    mounts = [
        {"name": "linkerd-identity-end-entity", "mountPath": "/var/run/linkerd/identity/end-entity"},
        *(
            [{"name": "linkerd-identity-token", "mountPath": "/var/run/secrets/tokens"}]
            if values["identity"]["serviceAccountTokenProjection"]
            else []
        ),
        *service_account_mounts(app),
    ]
    container: Container = {
        "name": PROXY,
        "image": proxy_image(values),
        "imagePullPolicy": _pull_policy(values),
        "env": environment,
        "ports": [
            {"name": "linkerd-proxy", "containerPort": proxy["ports"]["inbound"]},
            {"name": "linkerd-admin", "containerPort": admin},
        ],
        "livenessProbe": {"httpGet": {"path": "/live", "port": admin}} | proxy["livenessProbe"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": admin}} | proxy["readinessProbe"],
        "resources": _resources(values),
        "securityContext": proxy.get("securityContext") or _proxy_security(values, app),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }
    if native:
        container["restartPolicy"] = "Always"
        if proxy["await"]:
            startup = {"httpGet": {"path": "/ready", "port": admin}}
            container["startupProbe"] = startup | proxy["startupProbe"]
        return container
    hooks: Container = {}
    if proxy["await"]:
        command = ["/usr/lib/linkerd/linkerd-await", "--timeout=2m", f"--port={admin}"]
        hooks["postStart"] = {"exec": {"command": command}}
    if wait:
        hooks["preStop"] = {"exec": {"command": ["/bin/sleep", str(wait)]}}
    return container | ({"lifecycle": hooks} if hooks else {})


def init_container(values: Values, edge: Edge, app: Container) -> Container:
    """linkerd-init, which sets the pod's iptables; or, where the CNI plugin does, the check that it did."""
    if values["cniEnabled"]:
        return _network_validator(values)
    proxy, init = values["proxy"], values["proxyInit"]
    ports = proxy["ports"]
    inbound = [str(ports["control"]), str(ports["admin"]), init.get("ignoreInboundPorts")]
    nft = ["--firewall-bin-path", "iptables-nft", "--firewall-save-bin-path", "iptables-nft-save"]
    arguments = [
        *(nft if init.get("iptablesMode") == "nft" else []),
        *(["--ipv6=false"] if values["disableIPv6"] else []),
        *("--incoming-proxy-port", str(ports["inbound"]), "--outgoing-proxy-port", str(ports["outbound"])),
        *("--proxy-uid", str(proxy["uid"])),
        *(["--proxy-gid", str(proxy["gid"])] if proxy["gid"] >= 0 else []),
        *("--inbound-ports-to-ignore", ",".join(part for part in inbound if part)),
        *_option("--outbound-ports-to-ignore", init.get("ignoreOutboundPorts")),
        *_option("--subnets-to-ignore", init.get("skipSubnets")),
    ]
    added, dropped = _capabilities(app)
    capabilities: Container = {"add": ["NET_ADMIN", "NET_RAW", *added]}
    kept = [each for each in dropped if each not in ("NET_ADMIN", "NET_RAW")]
    security: Container = {
        "allowPrivilegeEscalation": init["privileged"],
        "capabilities": capabilities | ({"drop": kept} if kept else {}),
        "privileged": init["privileged"],
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": not init["runAsRoot"],
        "runAsUser": 0 if init["runAsRoot"] else init["runAsUser"],
        "runAsGroup": 0 if init["runAsRoot"] else init["runAsGroup"],
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container: Container = {
        "name": INIT,
        "image": proxy_image(values),
        "imagePullPolicy": _pull_policy(values),
        "command": ["/usr/lib/linkerd/linkerd2-proxy-init"],
        "args": arguments,
        "resources": _resources(values),
        "securityContext": security,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [init["xtMountPath"], *service_account_mounts(app)],
    }
    if edge < INIT_IN_PROXY_IMAGE:
        del container["command"]
        image = init.get("image")
        container["image"] = f"{image['name']}:{image['version']}" if image else _OLD_INIT_IMAGE
    return container


def volumes(values: Values) -> list[Container]:
    """What the containers mount, in the order in which it is added to the pod."""
    token = {"path": "linkerd-identity-token", "expirationSeconds": 86400, "audience": "identity.l5d.io"}
    projected = {
        "name": "linkerd-identity-token",
        "projected": {"sources": [{"serviceAccountToken": token}]},
    }
    return [
        *(
            []
            if values["cniEnabled"]
            else [{"name": values["proxyInit"]["xtMountPath"]["name"], "emptyDir": {}}]
        ),
        {"name": "linkerd-identity-end-entity", "emptyDir": {"medium": "Memory"}},
        *([projected] if values["identity"]["serviceAccountTokenProjection"] else []),
    ]


def service_account_mounts(app: Container) -> list[Container]:
    """Where the application's container has its service account's token: the proxy has it there too."""
    mounts = [each for each in app.get("volumeMounts", []) if each["mountPath"] == SERVICE_ACCOUNT_PATH]
    return [
        {"name": each["name"], "mountPath": each["mountPath"], "readOnly": each.get("readOnly", False)}
        for each in mounts[:1]
    ]


def _network_validator(values: Values) -> Container:
    check = values["networkValidator"]
    return {
        "name": VALIDATOR,
        "image": proxy_image(values),
        "imagePullPolicy": _pull_policy(values),
        "command": ["/usr/lib/linkerd/linkerd2-network-validator"],
        "args": [
            *("--log-format", check["logFormat"], "--log-level", check["logLevel"]),
            *("--connect-addr", check["connectAddr"] or "1.1.1.1:20001"),
            *("--listen-addr", check["listenAddr"] or "0.0.0.0:4140"),
            *("--timeout", check["timeout"]),
        ],
        "resources": _resources(values),
        "securityContext": check["securityContext"],
    }


def _proxy_security(values: Values, app: Container) -> Container:
    added, dropped = _capabilities(app)
    chosen = {key: names for key, names in (("add", added), ("drop", dropped)) if names}
    gid = values["proxy"]["gid"]
    return {
        "allowPrivilegeEscalation": False,
        **({"capabilities": chosen} if chosen else {}),
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": values["proxy"]["uid"],
        **({"runAsGroup": gid} if gid >= 0 else {}),
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _capabilities(app: Container) -> tuple[list[str], list[str]]:
    found = (app.get("securityContext") or {}).get("capabilities") or {}
    return found.get("add") or [], found.get("drop") or []


def _resources(values: Values) -> Container:
    """Only what is set: {"requests": {"cpu": "100m"}}."""
    chosen: Container = {}
    for resource, amounts in (values["proxy"].get("resources") or {}).items():
        for kind in ("limit", "request"):
            if amount := (amounts or {}).get(kind):
                chosen.setdefault(kind + "s", {})[resource] = str(amount)
    return chosen


def _pull_policy(values: Values) -> str:
    return str(values["proxy"]["image"].get("pullPolicy") or values["imagePullPolicy"])


def _option(name: str, value: str | None) -> list[str]:
    return [name, value] if value else []
