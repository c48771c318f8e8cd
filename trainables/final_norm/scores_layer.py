"""Which layer of a network makes the class scores? Read from how the data flow, not from the order of registration.

A network that torch.fx can trace is followed backwards from its output to the nearest modules that hold parameters or
statistics; dropout, softmax, pooling and reshaping are passed. There must be exactly one. Where tracing fails (a
forward that branches on values), the layer is the only Linear or Conv with as many outputs as there are classes.
Whatever is not certain is refused: then the caller names the layer.
"""

import copy
import warnings
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from trainables.final_norm.algebra import BatchNorm, FinalNormError, ScoresLayer
from trainables.final_norm.normed_scores import NormedScores, num_outputs
from trainables.final_norm.weighted import WeightedBatchNorm

_ABOUT_SHAPE = ("size", "shape", "dim", "ndim", "numel", "device", "dtype")  # what carries no scores
_NAME_IT = 'name the layer, as in layer="fc"'


@dataclass(frozen=True)
class FinalNorm:
    """Paths of a norm and of the layer before it; `wrapper`, where `append` made one, is what holds both."""

    layer: str
    norm: str
    wrapper: str | None = None


def find_scores_layer(network: nn.Module, num_classes: int) -> str:
    """Returns the path of the layer that makes the class scores, such as "fc" or "classifier.6".

    Raises:
        FinalNormError: no such layer, more than one, or it has a final norm already.
    """
    wrappers = _wrappers(network)
    if wrappers:
        raise FinalNormError(f"the network has a final norm already, in {_listed(wrappers)}")
    graph = _trace(network)
    if graph is None:
        return _only_layer_with_outputs(network, num_classes)
    path = _only_source(graph, network)
    module = network.get_submodule(path)
    if isinstance(module, BatchNorm):
        raise FinalNormError(f"the network ends in a batch norm already, {path!r}")
    if not isinstance(module, ScoresLayer):
        raise FinalNormError(f"the scores are made by {path!r}, a {type(module).__name__}, not by a Linear or Conv")
    return path


def find_final_norm(network: nn.Module) -> FinalNorm:
    """Returns where the final norm is: one that `append` put on, else the batch norm that ends the network.

    Raises:
        FinalNormError: none, more than one, or one that is not directly behind a Linear or Conv.
    """
    wrappers = _wrappers(network)
    if len(wrappers) > 1:
        raise FinalNormError(f"the network has several final norms, in {_listed(wrappers)}; {_NAME_IT}")
    if wrappers:
        return inside(wrappers[0])
    graph = _trace(network)
    if graph is None:
        raise FinalNormError(
            "no final norm that append() put on, and torch.fx cannot trace the network to look for another; name both, "
            'as in layer="fc", norm="final_norm"'
        )
    norm = _only_source(graph, network)
    if not isinstance(network.get_submodule(norm), BatchNorm):
        raise FinalNormError(f"no final norm found: the network ends in {norm!r}, no batch norm")
    (call,) = [node for node in graph.nodes if node.target == norm]
    (before,) = call.all_input_nodes
    layer = str(before.target)
    if before.op != "call_module" or not isinstance(network.get_submodule(layer), ScoresLayer):
        raise FinalNormError(f"the batch norm {norm!r} is not directly behind a Linear or Conv")
    if len(before.users) > 1 or _times_called(graph, layer) > 1:
        raise FinalNormError(f"the scores of {layer!r} before the batch norm {norm!r} are used elsewhere too")
    return FinalNorm(layer, norm)


def inside(wrapper: str) -> FinalNorm:
    """Returns the final norm that a NormedScores at that path holds."""
    return FinalNorm(f"{wrapper}.layer", f"{wrapper}.norm", wrapper)


def paths_of(network: nn.Module, module: nn.Module) -> list[str]:
    """Returns every path that leads to a module: more than one where the network uses it in several places."""
    return [path for path, other in network.named_modules(remove_duplicate=False) if other is module]


class _Tracer(fx.Tracer):
    """Takes norms that are not torch's own as one step."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, NormedScores | WeightedBatchNorm) or super().is_leaf_module(m, module_qualified_name)


def _trace(network: nn.Module) -> fx.Graph | None:
    """Returns how data flow through a network in evaluation; None where torch.fx cannot tell.

    What a forward leaves behind in its module while it is traced stays in a copy, which shares the tensors.
    """
    tensors: dict[int, Any] = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _Tracer().trace(copy.deepcopy(network, tensors).eval())
        except Exception:  # a forward that meets a placeholder raises whatever that leads it to
            return None


def _only_source(graph: fx.Graph, network: nn.Module) -> str:
    """Returns the path of the one module with parameters or statistics from which the output is reached directly."""
    (output,) = [node for node in graph.nodes if node.op == "output"]
    sources: dict[str, None] = {}
    waiting, visited = [output], set()
    while waiting:
        for node in waiting.pop().all_input_nodes:
            if node in visited or _is_about_shape(node):
                continue
            visited.add(node)
            if node.op in ("placeholder", "get_attr") or _holds_tensors(node, network):
                sources[str(node.target)] = None
            else:
                waiting.append(node)
    if len(sources) != 1:
        raise FinalNormError(f"the output is made by {_listed(sources) or 'nothing'}, not by one layer; {_NAME_IT}")
    (path,) = sources
    if path not in dict(network.named_modules()):
        raise FinalNormError(f"the output is made by {path!r}, not by a layer; {_NAME_IT}")
    if _times_called(graph, path) > 1:
        raise FinalNormError(f"{path!r} is used in more than one place of the network")
    return path


def _holds_tensors(node: fx.Node, network: nn.Module) -> bool:
    if node.op != "call_module":
        return False
    module = network.get_submodule(str(node.target))
    return isinstance(module, BatchNorm) or any(True for _ in (*module.parameters(), *module.buffers()))


def _is_about_shape(node: fx.Node) -> bool:
    asks_method = node.op == "call_method" and node.target in _ABOUT_SHAPE
    return asks_method or (node.target is getattr and node.args[1] in _ABOUT_SHAPE)


def _times_called(graph: fx.Graph, path: str) -> int:
    return sum(node.op == "call_module" and node.target == path for node in graph.nodes)


def _only_layer_with_outputs(network: nn.Module, num_classes: int) -> str:
    candidates: list[str] = [
        path
        for path, module in network.named_modules()
        if isinstance(module, ScoresLayer) and num_outputs(module) == num_classes
    ]
    if len(candidates) == 1:
        return candidates[0]
    reason = f"{_listed(candidates) or 'no Linear or Conv'} of the network has {num_classes} outputs"
    raise FinalNormError(f"torch.fx cannot trace the network, and {reason}; {_NAME_IT}")


def _wrappers(network: nn.Module) -> list[str]:
    return [path for path, module in network.named_modules() if isinstance(module, NormedScores)]


def _listed(paths: Any) -> str:
    return ", ".join(repr(path) for path in paths)
