"""The labels that a linkerd-proxy gives to its series, as text."""

from meshroll_sandbox.standins.traffic.series import labels
from meshroll_sandbox.standins.traffic.topology import Pod, Service

INBOUND_TO_APPLICATION = 'direction="inbound",peer="dst",tls="no_identity",no_tls_reason="loopback"'


def inbound(pod: Pod, port: int, caller: Pod | None, route: str = "default") -> str:
    """Requests that come in on `port`; without a meshed `caller` there is no TLS. Probes have a route of their own."""
    return f"{_direction('inbound')},{_target(pod, port)},{_accepted(caller)},{_policy(port, route)}"


def allowed(pod: Pod, port: int, caller: Pod | None, route: str = "default") -> str:
    """Labels of inbound_http_authz_allow_total: as `inbound`, with TLS at the end."""
    return f"{_target(pod, port)},{_policy(port, route)},{_accepted(caller)}"


def inbound_connection(pod: Pod, port: int, caller: Pod | None) -> str:
    return f'{_direction("inbound")},peer="src",{_target(pod, port)},{_accepted(caller)},{_server(port)}'


def outbound(service: Service, port: int | None, server: Pod, server_port: int) -> str:
    """Requests that go out to a pod of `service`.

    `port` is the Service's; None for a headless one, whose pods the proxy is asked for by address: it then knows
    neither the name that was meant nor the Service.
    """
    authority = f'authority="{service.host}:{port}",' if port else ""
    return f"{_direction('outbound')},{authority}{_endpoint(service if port else None, server, server_port)}"


def outbound_connection(service: Service, port: int | None, server: Pod, server_port: int) -> str:
    return f'{outbound(service, port, server, server_port)},peer="dst"'


def from_application(address: str, port: int) -> str:
    """Connections that the application opens, which its proxy takes."""
    target = {"target_addr": f"{address}:{port}", "target_ip": address, "target_port": port}
    return f'{_direction("outbound")},peer="src",{labels(target)},tls="no_identity",no_tls_reason="loopback"'


def undefined_port(service: Service, port: int) -> str:
    """Labels of outbound_tcp_route_close_total for a port that the Service does not declare."""
    return labels(
        {
            "parent_group": "core",
            "parent_kind": "Service",
            "parent_namespace": service.key[0],
            "parent_name": service.key[1],
            "parent_port": port,
            "parent_section_name": "",
            "route_group": "",
            "route_kind": "default",
            "route_namespace": "",
            "route_name": "undefined-port",
            "target_ip": service.cluster_ip,
            "target_port": port,
            "error": "forbidden",
        }
    )


def _direction(direction: str) -> str:
    return f'direction="{direction}"'


def _target(pod: Pod, port: int) -> str:
    return labels({"target_addr": f"{pod.ip}:{port}", "target_ip": pod.ip, "target_port": port})


def _accepted(caller: Pod | None) -> str:
    if caller is None:
        return 'tls="no_identity",no_tls_reason="no_tls_from_remote"'
    return labels({"tls": "true", "client_id": caller.identity})


def _server(port: int) -> str:
    return labels(
        {"srv_group": "", "srv_kind": "default", "srv_name": "all-unauthenticated", "srv_port": port}
    )


def _policy(port: int, route: str) -> str:
    authorization = "probe" if route == "probe" else "all-unauthenticated"
    return f"{_server(port)}," + labels(
        {
            "route_group": "",
            "route_kind": "default",
            "route_name": route,
            "authz_group": "",
            "authz_kind": "default",
            "authz_name": authorization,
        }
    )


def _endpoint(service: Service | None, server: Pod, port: int) -> str:
    """Labels of an endpoint: its address, TLS, and what the destination controller says of it."""
    if server.release is None:
        tls = {"tls": "no_identity", "no_tls_reason": "not_provided_by_service_discovery"}
    else:
        tls = {"tls": "true", "server_id": server.identity}
    kind, name = server.owner
    said = {
        "dst_control_plane_ns": server.labels.get("linkerd.io/control-plane-ns", ""),
        f"dst_{kind.lower()}": name,
        "dst_namespace": server.key[0],
        "dst_pod": server.key[1],
        "dst_pod_template_hash": server.labels.get("pod-template-hash", ""),
        "dst_service": service.key[1] if service else "",
        "dst_serviceaccount": server.service_account,
    }
    return f"{_target(server, port)},{labels(tls)},{labels({key: value for key, value in said.items() if value})}"
