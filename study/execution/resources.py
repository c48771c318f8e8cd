"""What Ray reserves for a trial, and whether a cluster can give it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from trainables.common import ConfigurationError
from trainables.configuration import Configuration, is_light

Node = Mapping[str, float]  # what a node has: {"CPU": 8, "GPU": 1, ...}


@dataclass(frozen=True)
class Resources:
    """CPUs and GPUs of a trial; `gpus` None leaves it to the network and to what the cluster has."""

    cpus: float = 1
    gpus: float | None = None

    def __post_init__(self) -> None:
        if not self.cpus and not self.gpus:
            raise ConfigurationError("--cpus-per-trial: got 0; a trial asks for some CPU, or for --gpus-per-trial")

    def of(self, configuration: Configuration, nodes: Sequence[Node]) -> "Resources":
        """Returns what a trial of a configuration asks: a whole GPU where a backbone runs in every step, else none.

        Dense and cnn networks and heads on cached features have batches so small that a GPU waits for its host.
        """
        if self.gpus is not None:
            return self
        return Resources(self.cpus, 0 if is_light(configuration) else whole_gpu(nodes))

    def of_features(self, nodes: Sequence[Node]) -> float:
        """Returns the GPUs with which a backbone computes features."""
        return whole_gpu(nodes) if self.gpus is None else self.gpus


def whole_gpu(nodes: Sequence[Node]) -> float:
    """Returns 1 where some node has a GPU, else 0."""
    return float(any(node.get("GPU", 0) >= 1 for node in nodes))


def slots(request: Resources, nodes: Sequence[Node]) -> int:
    """Returns how many trials of a request run at once: of every node what its scarcest kind allows."""
    amounts = {"CPU": request.cpus, "GPU": request.gpus or 0}
    return sum(min(floor(node.get(kind, 0) / amount) for kind, amount in amounts.items() if amount) for node in nodes)


def check_requests(requests: Sequence[Resources], nodes: Sequence[Node], can_grow: bool) -> list[str]:
    """Returns warnings: a request that no node can take yet, CPUs or GPUs that stand idle.

    Args:
        requests: of every trial.
        nodes: the cluster's, with what each has.
        can_grow: whether a larger node may join; on one machine alone, waiting would be for ever.

    Raises:
        ConfigurationError: a request that can never be met.
    """
    for request in dict.fromkeys(requests):
        if not slots(request, nodes):
            cpus, gpus = (max((node.get(kind, 0) for node in nodes), default=0) for kind in ("CPU", "GPU"))
            problem = (
                f"a trial asks {request.cpus:g} CPU and {request.gpus or 0:g} GPU; "
                f"the largest node has {cpus:g} CPU, {gpus:g} GPU"
            )
            if not can_grow:
                raise ConfigurationError(problem)
            return [f"{problem}: waiting for a larger one to join"]
    if not can_grow or not requests:
        return []
    warnings = []
    num_slots = max(slots(request, nodes) for request in requests)
    if len(requests) < num_slots:
        warnings.append(
            f"{len(requests)} trials for a cluster with room for {num_slots}: the rest stands idle; "
            "more studies or seeds in one call, or fewer nodes, would use it"
        )
    if whole_gpu(nodes) and not any(request.gpus for request in requests):
        warnings.append("the cluster's GPUs stand idle: no trial asks for one (--gpus-per-trial gives each a share)")
    return warnings
