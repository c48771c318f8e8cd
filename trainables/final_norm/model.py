"""The final norm of any PyTorch classifier: append it before training, fold it or remove it after.

    network = append(network, num_classes=2)    # train this one; make its optimizer after this line
    folded = fold(network)                      # in evaluation the same outputs, without the norm
    removed = remove(network)                   # K21 H1: other outputs, so measure them

All three return a changed copy and leave the network they are given as it was, so that its variants can stand side by
side. The norm sits directly behind the Linear or Conv that makes the class scores, before any softmax; which layer that
is, `scores_layer.py` says, and `layer="fc"` names it where that is not certain. In the copy a `NormedScores` holding
`layer` and `norm` takes the layer's place; `fold` and `remove` give the place back, with the names of its state dict.

`fold` and `remove` also take a final norm that the network brought itself. They look at the form of the norm in
evaluation, its running statistics, whatever mode the network is in; a norm that has not seen a batch yet has those of
its initialisation, as in evaluation.
"""

import copy

from torch import nn

from trainables.final_norm.algebra import BatchNorm, FinalNormError, ModuleType, ScoresLayer, fold_into, scale_and_shift
from trainables.final_norm.normed_scores import NormedScores, num_outputs
from trainables.final_norm.scores_layer import FinalNorm, find_final_norm, find_scores_layer, inside, paths_of

_TORCH_FORWARDS = (nn.Linear.forward, nn.Conv1d.forward, nn.Conv2d.forward, nn.Conv3d.forward)


def append(
    network: ModuleType,
    num_classes: int,
    layer: str | None = None,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> ModuleType:
    """Returns a copy of a network with a new batch norm behind the layer that makes its class scores.

    Args:
        network: a classifier; the norm gets type, device and mode of its layer, everything else stays as it is.
        num_classes: how many scores it makes; checked.
        layer: path of the layer that makes them, such as "fc"; None finds it.
        momentum: of the norm's running statistics, torch's meaning; None averages over all batches.
        eps: of the norm.

    Raises:
        FinalNormError: no layer or more than one makes the scores, another number of classes, or a norm is there.
    """
    changed = _copy(network)
    path = find_scores_layer(changed, num_classes) if layer is None else layer
    scores_layer = _scores_layer(changed, path)
    if num_outputs(scores_layer) != num_classes:
        raise FinalNormError(f"{path!r} makes {num_outputs(scores_layer)} scores, not {num_classes}")
    _check_used_once(changed, path)
    changed.set_submodule(path, NormedScores(scores_layer, momentum, eps))
    return changed


def remove(network: ModuleType, layer: str | None = None, norm: str | None = None) -> ModuleType:
    """Returns a copy of a network without its final norm: other outputs (K21 H1), so measure them.

    Args:
        network: one that `append` made, or that ends in a batch norm of its own.
        layer: path of the layer before the norm, as given to `append`; None finds it.
        norm: path of a norm of the network's own, given together with `layer`.

    Raises:
        FinalNormError: no final norm is found, or it or its layer is used in more than one place.
    """
    changed = _copy(network)
    _take_off(changed, _place(changed, layer, norm))
    return changed


def fold(network: ModuleType, layer: str | None = None, norm: str | None = None) -> ModuleType:
    """Returns a copy of a network without its final norm that computes the same in evaluation, up to rounding.

    The arithmetic is float64, the result has the layer's type. A norm of the network's own behind a Linear is taken to
    see scores (batch, classes).

    Args:
        network: one that `append` made, or that ends in a batch norm of its own.
        layer: path of the layer before the norm, as given to `append`; None finds it.
        norm: path of a norm of the network's own, given together with `layer`.

    Raises:
        FinalNormError: as `remove`; no running statistics; weights that are shared, computed (weight norm, spectral
            norm) or changed by hooks; a layer with a forward of its own.
    """
    changed = _copy(network)
    place = _place(changed, layer, norm)
    scores_layer, final_norm = _scores_layer(changed, place.layer), changed.get_submodule(place.norm)
    _check_can_be_folded(changed, place, scores_layer, final_norm)
    fold_into(scores_layer, final_norm)
    _take_off(changed, place)
    return changed


def _copy(network: ModuleType) -> ModuleType:
    if isinstance(network, ScoresLayer | NormedScores):
        raise FinalNormError(f"the network is nothing but a {type(network).__name__}; put it into an nn.Sequential")
    try:
        return copy.deepcopy(network)
    except Exception as error:  # what a module holds besides tensors may be anything
        raise FinalNormError(f"the {type(network).__name__} cannot be copied: {error}") from error


def _scores_layer(network: nn.Module, path: str) -> ScoresLayer:
    module = _submodule(network, path)
    if isinstance(module, NormedScores):
        raise FinalNormError(f"the network has a final norm already, in {path!r}")
    if not isinstance(module, ScoresLayer):
        raise FinalNormError(f"{path!r} is a {type(module).__name__}, not a Linear or Conv")
    return module


def _submodule(network: nn.Module, path: str) -> nn.Module:
    try:
        return network.get_submodule(path)
    except AttributeError as error:
        raise FinalNormError(f"the network has no module {path!r}") from error


def _place(network: nn.Module, layer: str | None, norm: str | None) -> FinalNorm:
    """Returns where the final norm is, found or as named, checked to be in one place."""
    if layer is None and norm is not None:
        raise FinalNormError(f"norm={norm!r} is named without the layer before it")
    if layer is None:
        place = find_final_norm(network)
    elif norm is not None:
        place = FinalNorm(layer, norm)
    elif isinstance(_submodule(network, layer), NormedScores):
        place = inside(layer)
    else:
        raise FinalNormError(f'no final norm in {layer!r}; name one of the network\'s own, as in norm="final_norm"')
    _scores_layer(network, place.layer)
    final_norm = _submodule(network, place.norm)
    if not isinstance(final_norm, BatchNorm):
        raise FinalNormError(f"{place.norm!r} is a {type(final_norm).__name__}, not a batch norm")
    _check_used_once(network, place.layer)
    _check_used_once(network, place.norm)
    return place


def _take_off(network: nn.Module, place: FinalNorm) -> None:
    if place.wrapper is None:
        network.set_submodule(place.norm, nn.Identity())
    else:
        network.set_submodule(place.wrapper, network.get_submodule(place.layer))


def _check_used_once(network: nn.Module, path: str) -> None:
    paths = paths_of(network, network.get_submodule(path))
    if len(paths) > 1:
        raise FinalNormError(f"one module is used in several places: {', '.join(paths)}")


def _check_can_be_folded(network: nn.Module, place: FinalNorm, layer: ScoresLayer, norm: nn.Module) -> None:
    """Refuses what a fold would get wrong."""
    kind = type(layer).__name__
    if "weight" not in dict(layer.named_parameters(recurse=False)):
        raise FinalNormError(
            f"the weight of {place.layer!r} is computed (weight norm, spectral norm or another parametrization); make "
            "it plain first, as torch.nn.utils.parametrize.remove_parametrizations does"
        )
    if type(layer).forward not in _TORCH_FORWARDS:
        raise FinalNormError(f"{place.layer!r} is a {kind} with a forward of its own, which may not be affine")
    if any(module._forward_hooks or module._forward_pre_hooks for module in (layer, norm)):
        raise FinalNormError(f"{place.layer!r} or its norm has forward hooks, which may change what it computes")
    own = dict(layer.named_parameters(recurse=False))
    for path, parameter in network.named_parameters(remove_duplicate=False):
        name = path.removeprefix(f"{place.layer}.")
        if any(parameter is shared for shared in own.values()) and name not in own:
            raise FinalNormError(f"the weights of {place.layer!r} are shared with {path!r}, which a fold would change")
    num_scales = len(scale_and_shift(norm)[0])
    if num_scales != num_outputs(layer):
        raise FinalNormError(f"{place.layer!r} makes {num_outputs(layer)} scores, its norm takes {num_scales}")
