"""The kinds of objects that a run may change; imports nothing, because the command line's options need it too."""

ROLLED = ("Deployment", "StatefulSet", "DaemonSet")
"""Those whose pods are replaced when their template changes."""

KINDS = (*ROLLED, "CronJob", "ConfigMap", "Service", "Namespace")
