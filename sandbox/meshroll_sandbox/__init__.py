"""The local cluster on which meshroll is tried: a real control plane on loopback, with no containers.

It imports nothing of `meshroll`, and nothing of `meshroll` knows it beyond the `sandbox` command.
"""
