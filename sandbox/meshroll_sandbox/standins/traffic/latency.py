"""How long things take, in milliseconds. docs/explanation/traffic-model.md says where each number is from."""

import math
from random import Random

DIAL_MS = 77.0
"""TCP and HTTP/2 handshake of a connection to another pod."""

LOCAL_DIAL_MS = 2.0
"""The same of a connection that the pod's own proxy takes: no network in it."""

NETWORK_MS = 0.5
"""There and back between two nodes of a region."""

HANDLING_MEDIAN_MS = 4.0
HANDLING_SIGMA = 0.35
"""An application's own time is lognormal: p95 is 1.8 times the median, p99 2.3 times."""

PROXY_MEDIAN_MS = 0.7
PROXY_SIGMA = 0.3
"""Each proxy on the way; both together add about 1.5 ms."""

_HANDLING_MU = math.log(HANDLING_MEDIAN_MS)
_PROXY_MU = math.log(PROXY_MEDIAN_MS)


def handling_ms(random: Random) -> float:
    return random.lognormvariate(_HANDLING_MU, HANDLING_SIGMA)


def proxy_ms(random: Random) -> float:
    return random.lognormvariate(_PROXY_MU, PROXY_SIGMA)


def dial_ms(per_request: bool, meshed: bool) -> float:
    """What dialling adds to a request. A meshed client dials no further than its own proxy."""
    if not per_request:
        return 0.0
    return LOCAL_DIAL_MS if meshed else DIAL_MS
