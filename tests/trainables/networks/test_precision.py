"""Products in lower precision: stated in the configuration, off unless asked for, never in what is recorded."""

import pytest
import torch

from trainables.configuration import Configuration
from trainables.data import Images
from trainables.networks import tf32
from trainables.training import Inputs, fit


@pytest.mark.parametrize("norms", [{}, {"network.final_norm": "weighted", "network.first_norm": "standard"}])
@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_bfloat16_trains_to_other_weights_and_like_results(
    seeds: tuple[int, ...], norms: dict[str, str], tiny: Configuration, digits: Images
) -> None:
    whole = tiny.replace({**norms, "schedule.epochs": 8})
    *_, exact = fit(whole, Inputs(digits), seeds)
    *_, rounded = fit(whole.replace({"network.precision": "bfloat16"}), Inputs(digits), seeds)
    assert {value.dtype for value in rounded.weights(0).values() if value.is_floating_point()} == {torch.float32}
    assert rounded.predictions(0)["test"].scores.dtype == torch.float32
    assert not torch.equal(rounded.weights(0)["body.1.weight"], exact.weights(0)["body.1.weight"])
    difference = (rounded.predictions(0)["test"].scores - exact.predictions(0)["test"].scores).abs().mean()
    assert difference < 0.1 * exact.predictions(0)["test"].scores.std()


def test_what_is_evaluated_is_float32(tiny: Configuration, digits: Images) -> None:
    """The recorded scores are those of the recorded weights, which another precision would not give."""
    lower = tiny.replace({"network.precision": "bfloat16"})
    epochs = fit(lower, Inputs(digits), [0])
    first = next(epochs)
    state = first.state()
    scores = first.predictions(0)["test"].scores
    same = fit(tiny.replace({"optimiser.learning_rate": 1e-30}), Inputs(digits), [0], state=state)
    later = next(same)
    later_state, removed = later.weights(0), later.predictions(0)["test-removed"].scores
    assert torch.equal(later_state["dense.weight"], first.weights(0)["dense.weight"])
    assert torch.equal(removed, first.predictions(0)["test-removed"].scores)
    assert scores.dtype == torch.float32


def test_tf32_is_off_unless_asked_for_and_then_as_it_was() -> None:
    flags = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [flag.allow_tf32 for flag in flags]
    for allowed in (False, True):
        with tf32(allowed):
            assert [flag.allow_tf32 for flag in flags] == [allowed, allowed]
    assert [flag.allow_tf32 for flag in flags] == before


def test_training_computes_in_tf32_only_where_asked(
    tiny: Configuration, digits: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainables.training import stack_training

    seen: list[tuple[str, bool]] = []
    loss, evaluate = stack_training.StackTraining._loss, stack_training.StackTraining._evaluate

    def watched(name: str, method: object) -> object:
        def call(self: object, *arguments: object) -> object:
            seen.append((name, torch.backends.cudnn.allow_tf32))
            return method(self, *arguments)  # type: ignore[operator]

        return call

    monkeypatch.setattr(stack_training.StackTraining, "_loss", watched("train", loss))
    monkeypatch.setattr(stack_training.StackTraining, "_evaluate", watched("evaluate", evaluate))
    next(fit(tiny, Inputs(digits), [0]))
    assert set(seen) == {("train", False), ("evaluate", False)}
    seen.clear()
    next(fit(tiny.replace({"network.precision": "tf32"}), Inputs(digits), [0]))
    assert set(seen) == {("train", True), ("evaluate", False)}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU to wait for")
def test_no_step_waits_for_the_gpu(tiny: Configuration, digits: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainables.training import stack_training

    loss = stack_training.StackTraining._loss

    def without_waiting(self: stack_training.StackTraining, *batch: torch.Tensor) -> torch.Tensor:
        torch.cuda.set_sync_debug_mode("error")  # until the epoch's losses are asked for
        return loss(self, *batch)

    monkeypatch.setattr(stack_training.StackTraining, "_loss", without_waiting)
    monkeypatch.setattr(torch.Tensor, "tolist", _allowed(torch.Tensor.tolist))
    next(fit(tiny, Inputs(digits), [0, 1, 2], device="cuda"))
    torch.cuda.set_sync_debug_mode("default")


def _allowed(method: object) -> object:
    def call(self: torch.Tensor) -> object:
        torch.cuda.set_sync_debug_mode("default")
        return method(self)  # type: ignore[operator]

    return call
