"""The only code that talks to the outside: the Kubernetes API, Prometheus, chart repositories, files."""
