from __future__ import annotations

from unit.checks.example import Example
from unit.core.check_cases import case
from unit.core.factories import workload

NATIVE = "linkerd.io/proxy-enable-native-sidecar"
OUT = {"annotations": {"linkerd.io/inject": "disabled"}}

EXAMPLES = [
    Example(
        "annotation-unknown",
        lambda: case(
            workload(annotations={"config.linkerd.io/opaque-ports": "3306", "example.com/any": "x"})
        ),
        lambda: case(workload(annotations={"config.linkerd.io/opaque-port": "3306"})),
        "Deployment/omni has config.linkerd.io/opaque-port, which Linkerd does not know.",
    ),
    Example(
        "annotation-misplaced",
        lambda: case(
            workload(
                annotations={"linkerd.io/inject": "enabled"},
                metadata={"annotations": {"linkerd.io/inject": "enabled"}},
            )
        ),
        lambda: case(workload(metadata={"annotations": {"linkerd.io/inject": "enabled"}})),
        "Deployment/omni has linkerd.io/inject on itself and not on its pod template, where it would count.",
    ),
    Example(
        "opt-out-misplaced",
        lambda: case(workload(annotations={"linkerd.io/inject": "enabled"}, metadata=OUT)),
        lambda: case(workload(metadata=OUT)),
        "Deployment/omni says linkerd.io/inject: disabled on itself and not on its pod template, so it would be "
        "meshed.",
    ),
    Example(
        "inject-value-invalid",
        lambda: case(workload(annotations={"linkerd.io/inject": "ingress"})),
        lambda: case(workload(annotations={"linkerd.io/inject": "false"})),
        "Deployment/omni says linkerd.io/inject: false.",
    ),
    Example(
        "annotation-outdated",
        lambda: case(annotations={f"config.{NATIVE}": "true", f"config.beta.{NATIVE}": "true"}),
        lambda: case(annotations={f"config.beta.{NATIVE}": "true"}),
        f"Namespace/charging has config.beta.{NATIVE}, which namespaces do not hand down since edge-26.5.2.",
    ),
    Example(
        "annotation-value-invalid",
        lambda: case(workload(annotations={f"config.{NATIVE}": "true"})),
        lambda: case(workload(annotations={f"config.{NATIVE}": "enabled"})),
        f'Deployment/omni has config.{NATIVE}: "enabled", which is not true or false.',
    ),
]
