"""The Kubernetes API as plain JSON: one client, one mirror of a namespace, one lock, one journal."""
