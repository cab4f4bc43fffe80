"""meshroll: take a namespace onto the Linkerd mesh, prove it got better, take it back when it did not."""

__version__ = "0.1.0"
