"""Pages are decoded in many threads at once, in processes that have never decoded one."""

from __future__ import annotations

import json
import subprocess
import sys

from meshroll.adapters.kube.pods import POD_PAGE, Trimmed
from meshroll.core.drill.choose import resizable
from meshroll.core.model import Pod

AT_ONCE = """
import sys, threading
sys.setswitchinterval(1e-6)
from meshroll.adapters.kube.client import _HEAD
from meshroll.adapters.kube.pods import POD_PAGE
pod = b'{"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}, "status": {"conditions": []}}'
page = b'{"metadata": {"resourceVersion": "1"}, "items": [' + pod + b"]}"
together = threading.Barrier(8)
def decode():
    together.wait()
    assert POD_PAGE.decode(page)["items"][0]["metadata"] == {"name": "a"}
    assert _HEAD.decode(page).metadata.resource_version == "1"
threads = [threading.Thread(target=decode) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
"""


def test_threads_that_decode_their_first_page_at_once_do_not_crash() -> None:
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_pod_in_a_list_still_says_whether_its_kubelet_can_resize_it() -> None:
    status = {"containerStatuses": [{"name": "c", "state": {"running": {}}, "resources": {}}]}
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}, "status": status}
    page = json.dumps({"metadata": {}, "items": [pod]}).encode()
    (found,) = Trimmed()(POD_PAGE.decode(page))
    assert resizable(Pod(found))
