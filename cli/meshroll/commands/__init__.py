"""One command, one file, same name. `meshroll --help` needs only ``COMMANDS``, and imports none of them."""

from __future__ import annotations

COMMANDS = {
    "init": "Write a commented inventory, from kubeconfig contexts or from AWS.",
    "releases": "Say which releases there are, which one policy picks, and why not a newer one.",
    "preflight": "Say what of a cluster and its namespaces stands in the way; changes nothing.",
    "rollout": "Take namespaces onto the mesh, gate each wave, roll back on failure.",
    "rollback": "Take namespaces off the mesh, or back to what the last run found.",
    "upgrade": "Upgrade Linkerd hop by hop, prove each hop, take the one that fails back.",
    "plan": "Say what a rollout or rollback would do; changes nothing.",
    "status": "Say how clusters, namespaces and workloads stand.",
    "verify": "Judge the golden signals of what is meshed, now.",
    "drill": "Break something on purpose, say what callers notice, take it back.",
    "resume": "Finish what an earlier run left half done, forward or back.",
    "runs": "List the runs that clusters remember, or show one of them.",
    "report": "Write the report of one run: verdict, before and after, plots, what changed.",
    "bundle": "Pack one run for whoever helps with it, secrets taken out.",
    "uninstall": "Leave Linkerd, once no pod has a proxy.",
    "lock": "Take a cluster's lock from a run that hangs.",
    "config": "Say what the inventory sets for each cluster, and where.",
    "rbac": "Print the smallest Roles that a command needs.",
    "schedule": "Print a complete job for `meshroll upgrade --scheduled`.",
    "completion": "Print the script that makes a shell complete commands, options, clusters, namespaces and runs.",
    "sandbox": "A local cluster to try all of it on.",
}
"""Name -> one line of help, in the order in which a newcomer needs them."""
