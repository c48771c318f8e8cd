"""What the actors of studies and searches have in common: they train one trial after another and store nothing."""

from typing import Any

import ray
from ray import tune


class ReusedActor(tune.Trainable):
    """An actor whose checkpoints are empty: Tune's storage is scratch, records and Optuna hold what has to last."""

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Returns nothing to keep."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Does nothing, as there is nothing in a checkpoint."""

    def claim_device(self) -> str:
        """Sets torch's threads to the CPUs that Ray reserved for this actor and returns its torch device."""
        import torch  # the driver does not wait for it

        cpus = self.trial_resources.required_resources.get("CPU", 1)
        torch.set_num_threads(max(1, int(cpus)))
        return "cuda" if ray.get_gpu_ids() and torch.cuda.is_available() else "cpu"
