"""The traffic stand-in: who calls whom is worked out from pods and Services, and what real scrapes would find of it
is exported. docs/explanation/traffic-model.md describes the model.
"""

from meshroll_sandbox.standins.traffic.service import start

__all__ = ["start"]
