"""How does a plan become trials on Ray? Lazy: what plans or looks need not wait for Ray."""

from typing import TYPE_CHECKING

from study.execution.ray_settings import set_up

set_up()  # before anything imports Ray, which reads some of it then

if TYPE_CHECKING:
    from study.execution.cluster import check_ray, check_resources, cluster_nodes, connect, probe_nodes
    from study.execution.lease import Lease
    from study.execution.plan import make_plan
    from study.execution.prepare import prepare_trials
    from study.execution.progress import CountProgress, doing
    from study.execution.ray_settings import check_ports
    from study.execution.resources import Resources
    from study.execution.session import Outcome, Settings, run_session
    from study.execution.trials import run_search
else:
    from trainables.common import public_names

    _FILES = {
        "cluster": ("check_ray", "check_resources", "cluster_nodes", "connect", "probe_nodes"),
        "lease": ("Lease",),
        "plan": ("make_plan",),
        "prepare": ("prepare_trials",),
        "progress": ("CountProgress", "doing"),
        "ray_settings": ("check_ports",),
        "resources": ("Resources",),
        "session": ("Outcome", "Settings", "run_session"),
        "trials": ("run_search",),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "CountProgress",
    "Lease",
    "Outcome",
    "Resources",
    "Settings",
    "check_ports",
    "check_ray",
    "check_resources",
    "cluster_nodes",
    "connect",
    "doing",
    "make_plan",
    "prepare_trials",
    "probe_nodes",
    "run_search",
    "run_session",
]
