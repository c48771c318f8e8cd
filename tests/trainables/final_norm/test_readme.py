"""The example of the README, run as it stands there."""

import re
from pathlib import Path
from typing import Any

import torch

README = Path(__file__).parents[3] / "README.md"


def test_the_example_for_a_network_of_your_own_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    with torch.no_grad():
        trained, folded, removed = (names[name](names["images"]) for name in ("network", "folded", "removed"))
    assert (folded - trained).abs().max() < 1e-5 * trained.abs().max()
    assert (removed - trained).abs().max() > 0.01 * trained.abs().max()
