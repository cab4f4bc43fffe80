"""The kinds of objects that a run may change; imports nothing, because the command line's options need it too."""

KINDS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "ConfigMap", "Service", "Namespace")
