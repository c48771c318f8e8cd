"""Networks and heads of somebody's own: what their functions promise, checked, one line per breach.

A network is a function of an image's shape (channels, height, width), a head one of (features, classes); each returns a
torch module, drawing its weights from torch's generator. A network maps float images in [0, 1], (batch, channels,
height, width), to features (batch, units), a head features to scores (batch, classes); in evaluation each image on its
own.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainables import own_code
from trainables.common import ConfigurationError, first_line
from trainables.configuration import Network

TRIED = 3  # images
ATOL = 1e-4  # of an image alone to the same image beside others, in float32


def build_own_network(name: str, image_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """Returns somebody's own network and its number of features; raises ConfigurationError where it is none."""
    network = _made(name, image_shape)
    with torch.random.fork_rng(devices=[]):
        features = _outputs(name, network, torch.rand(TRIED, *image_shape))
    return network, features.shape[1]


def build_own_head(name: str, num_features: int, num_classes: int) -> nn.Module:
    """Returns somebody's own head; raises ConfigurationError where it does not make a score for each class."""
    head = _made(name, num_features, num_classes)
    with torch.random.fork_rng(devices=[]):
        scores = _outputs(name, head, torch.rand(TRIED, num_features))
    if scores.shape[1] != num_classes:
        raise ConfigurationError(f"{own_code.spec_of(name)}: {scores.shape[1]} scores for {num_classes} classes")
    return head


def check_own_network(network: Network, image_shape: tuple[int, ...], num_classes: int) -> None:
    """Tries what is somebody's own of a network before anything trains.

    Raises:
        ConfigurationError: its function fails or promises what it does not hold; says which.
    """
    num_features = 64
    if own_code.is_own(network.name):
        _check(network.name, lambda: build_own_network(network.name, image_shape)[0], image_shape)
        num_features = build_own_network(network.name, image_shape)[1]
    if network.head:
        _check(network.head, lambda: build_own_head(network.head, num_features, num_classes), (num_features,))


def _check(name: str, build: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    """Raises ConfigurationError for weights that torch's seed does not decide, and images that are not on their own."""
    spec = own_code.spec_of(name)
    with torch.random.fork_rng(devices=[]):
        states = []
        for _ in range(2):
            torch.manual_seed(0)
            module = build()
            states.append(module.state_dict())
        if any(not torch.equal(value, states[1][key]) for key, value in states[0].items()):
            raise ConfigurationError(
                f"{spec}: the same torch seed gives other weights; draw them from torch's generator"
            )
        images = torch.rand(TRIED, *shape)
    together, alone = _outputs(name, module, images), _outputs(name, module, images[:1])
    if not torch.allclose(together[:1], alone, atol=ATOL * float(together.abs().max().clamp(min=1))):
        raise ConfigurationError(f"{spec}: in evaluation an image's output depends on the images beside it")


def _made(name: str, *arguments: object) -> nn.Module:
    function = own_code.load_own(name)
    try:
        module = function(*arguments)
    except Exception as error:  # code of somebody's own raises what it likes
        said = f"{type(error).__name__}: {first_line(error)}"
        raise ConfigurationError(f"{own_code.spec_of(name)}{arguments} raised {said}") from error
    if not isinstance(module, nn.Module):
        got = type(module).__name__
        raise ConfigurationError(f"{own_code.spec_of(name)} returned a {got}; a torch.nn.Module is needed")
    return module


@torch.no_grad()
def _outputs(name: str, module: nn.Module, inputs: Tensor) -> Tensor:
    """Returns what a module gives in evaluation, (batch, units); its mode is as before."""
    spec, was_training = own_code.spec_of(name), module.training
    try:
        outputs = module.eval()(inputs)
    except Exception as error:
        said = f"{type(error).__name__}: {first_line(error)}"
        raise ConfigurationError(f"{spec}: inputs {tuple(inputs.shape)} raised {said}") from error
    finally:
        module.train(was_training)
    if not isinstance(outputs, Tensor):
        raise ConfigurationError(f"{spec}: gives a {type(outputs).__name__}; a tensor (batch, units) is needed")
    if outputs.ndim != 2 or len(outputs) != len(inputs) or not outputs.is_floating_point():
        got = f"{str(outputs.dtype).removeprefix('torch.')} {tuple(outputs.shape)}"
        raise ConfigurationError(f"{spec}: gives {got} for {len(inputs)} inputs; float (batch, units) is needed")
    if not outputs.isfinite().all():
        raise ConfigurationError(f"{spec}: gives values that are not finite")
    return outputs
