"""How does a plan become trials on Ray? Lazy: what plans or looks need not wait for Ray."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.execution.launch import check_ray, check_resources, cluster_nodes, connect, probe_nodes, run_search
    from study.execution.lease import Lease
    from study.execution.plan import make_plan
    from study.execution.prepare import prepare
    from study.execution.progress import CountProgress
    from study.execution.resources import Resources
    from study.execution.session import Outcome, Settings, run_session

_FILES = {
    "launch": (
        "check_ray",
        "check_resources",
        "cluster_nodes",
        "connect",
        "probe_nodes",
        "run_search",
    ),
    "lease": ("Lease",),
    "plan": ("make_plan",),
    "prepare": ("prepare",),
    "progress": ("CountProgress",),
    "resources": ("Resources",),
    "session": (
        "Outcome",
        "Settings",
        "run_session",
    ),
}

__all__ = [
    "CountProgress",
    "Lease",
    "Outcome",
    "Resources",
    "Settings",
    "check_ray",
    "check_resources",
    "cluster_nodes",
    "connect",
    "make_plan",
    "prepare",
    "probe_nodes",
    "run_search",
    "run_session",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Returns a public name of this room; its file is imported then."""
        file = next((file for file, names in _FILES.items() if name in names), None)
        if file is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{file}"), name)
