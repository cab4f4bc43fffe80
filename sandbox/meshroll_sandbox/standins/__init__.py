"""One asyncio process that plays what cannot run without containers.

It serves the Helm repository, plays the proxy injector behind the charts' own webhook and the identity service when
its issuer changes, leads what the API server dials inside "the cluster" to loopback, and exports the metrics of
proxies, applications and kubelets.
"""
