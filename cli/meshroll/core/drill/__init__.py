"""Drills: a fault on purpose, on a workload that somebody has marked for it, and what its callers notice."""
