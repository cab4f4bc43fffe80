"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: probe
short_description: Call a Service from inside the mesh, and judge which pods answered
version_added: 0.1.0
description:
  - Makes a Job in the namespace whose pod gets a proxy, calls the Service 100 times on one held connection, and asks
    that proxy which pods answered. The Job is removed however the probe ends, and goes by itself if nobody is left to
    do it.
  - Successful where the proxy balanced the calls and no pod got more than the better of two explains. Failed where
    some fail, or were not balanced. Inconclusive with one pod, or where all went to one of two. Error where there is no
    result, or every call failed.
  - Refuses addresses, host names, headless Services, and namespaces where no pod would get a proxy. Takes no lock.
author:
  - meshroll contributors (@meshroll)
options:
  service:
    type: str
    description: A ClusterIP Service of the one namespace in hand, as C(SERVICE[:PORT][/PATH]).
    required: true
attributes:
  check_mode:
    support: full
    description: Refuses what would be refused, makes no Job and returns no verdict.
"""

EXAMPLES = r"""
- name: Probe tariffs
  meshroll.linkerd.probe:
    service: tariffs
"""

RETURN = r"""
outcome:
  description: Successful; every other outcome fails the task. Null where nothing was judged.
  returned: always
  type: str
verdicts:
  description: One, or none in check mode, with the calls of each pod.
  returned: always
  type: list
  elements: dict
"""
