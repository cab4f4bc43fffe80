"""Makes forks cheap, and tells whoever follows a run which clusters it is about and what failed."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: events
type: aggregate
short_description: Import once what every task needs, name the clusters of a play, and fail tasks whose worker died
version_added: 0.1.0
description:
  - Imports the Kubernetes client and meshroll before Ansible forks, so that no task starts with that cost.
  - Lets Ansible ask no more often than every 5 ms whether a task has ended; a longer C(internal_poll_interval) is kept.
  - Appends the names of a play's clusters, and which of their tasks fail, to the file in E(MESHROLL_EVENTS),
    so that a cluster that ends without a result is noticed and its reason known. Prints nothing.
  - Fails a task whose worker was killed, which Ansible would wait for for ever under C(strategy=free).
author:
  - meshroll contributors (@meshroll)
requirements:
  - enabled in C(callbacks_enabled)
"""

import gc
import os
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.package import needed

# Ansible forks for every task. What is imported here, in the parent, is there in every fork already; what one task
# alone needs, Ansible imports with its action, in the parent too. None of it is ever garbage: collectors that look
# through it cost time, and each fork a copy of it.
gc.disable()
from ansible_collections.meshroll.linkerd.plugins.plugin_utils.dead_workers import watch_workers

gc.freeze()
gc.enable()

with needed():
    from meshroll.adapters.events import append


# Ansible asks a thousand times a second whether a task has ended: an eighth of a processor for as long as a run waits.
# There is no variable of the environment for it, and an ansible.cfg is the operator's own.
POLL_SECONDS = 0.005


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "meshroll.linkerd.events"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        watch_workers()
        constants.DEFAULT_INTERNAL_POLL_INTERVAL = max(constants.DEFAULT_INTERNAL_POLL_INTERVAL, POLL_SECONDS)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        clusters = play.get_variable_manager().get_vars(play=play)["ansible_play_hosts_all"]
        _say({"kind": "clusters", "clusters": [str(cluster) for cluster in clusters]})

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        outcome = result.result
        own = outcome.get("meshroll") or {}
        event = {"kind": "failure", "cluster": result.host.get_name(), "message": str(outcome.get("msg", ""))}
        _say({**event, "exit_code": own.get("exit_code"), "problems": own.get("problems")})


def _say(event: dict[str, Any]) -> None:
    """For whoever follows; nobody does when a playbook is run by hand."""
    path = os.environ.get("MESHROLL_EVENTS")
    if path:
        append(path, event)
