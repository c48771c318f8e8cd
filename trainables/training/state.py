"""What a training needs to go on where it was: named tensors, flat, so that they can be stored without a pickle."""

from torch import Tensor

State = dict[str, Tensor]


def put_under(prefix: str, state: State) -> State:
    """Returns a state as a part of another: every name behind `prefix/`."""
    return {f"{prefix}/{name}": value for name, value in state.items()}


def part_under(prefix: str, state: State) -> State:
    """Returns the part of a state that `put_under` made."""
    start = f"{prefix}/"
    return {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
