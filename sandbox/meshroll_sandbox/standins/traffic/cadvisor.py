"""What the kubelets' cAdvisor says of all pods: CPU and memory by container, network by pod."""

from collections.abc import Iterable, Iterator

from meshroll_sandbox.standins.traffic.meters import PodMeter
from meshroll_sandbox.standins.traffic.series import family, labels


def lines(meters: Iterable[PodMeter], now: float) -> Iterator[str]:
    """The exposition; `now` is model time."""
    cpu, memory, network = [], [], []
    for meter in meters:
        pod = meter.pod
        place = {"namespace": pod.key[0], "pod": pod.key[1]}
        for one in pod.containers:
            if one.running:
                text = labels({"container": one.name, "image": one.image, **place})
                cpu.append((text, round(meter.cpu_seconds(one, now), 6)))
                memory.append((text, float(meter.memory_bytes(one))))
        # The network belongs to the pod, so no container is named.
        received = round(meter.received_bytes(now))
        network.append((labels({"container": "", "interface": "eth0", **place}), float(received)))
    yield from family("container_cpu_usage_seconds_total", "counter", cpu)
    yield from family("container_memory_working_set_bytes", "gauge", memory)
    yield from family("container_network_receive_bytes_total", "counter", network)
