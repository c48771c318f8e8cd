"""Several networks of one shape as one: every parameter and statistic with a leading member axis, one member a seed.

A stack has the module tree of a member, with each layer in a form that works on all members at once, so that tensors
keep their names and a member's state dict is a slice. What flows between layers is laid out so that no layer copies it:

    units            (members, units, batch)                what a batched matrix product takes and gives
    channels         (batch, members * channels, h, w)      what a grouped convolution takes and gives

Members never meet: a NaN of one reaches no other, and a member's numbers are those of its network alone up to rounding.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.final_norm import WeightedBatchNorm, affine_form, scale_and_shift, weighted_norms
from trainables.networks.classifier import Classifier


class Stack(nn.Module):
    """One or several networks that are trained as one; a stack of one is its network as it is, whatever that is."""

    def __init__(self, networks: Sequence[Classifier]) -> None:
        """Takes over the networks' values; they are not to be used on their own after that.

        Raises:
            TypeError: several networks with a layer that has no stacked form.
        """
        super().__init__()
        self.num_members = len(networks)
        self.is_single = len(networks) == 1
        self.network = networks[0] if self.is_single else _stacked(networks)

    def scores(self, features: Tensor) -> Tensor:
        """Returns the scores before the final norm, (members, batch, classes).

        Args:
            features: what `backbone` gave.
        """
        if self.is_single:
            return self.network.head_scores(features[0])[None]
        units_or_images = features.transpose(1, 2) if features.ndim == 3 else features
        return self.network.head_scores(units_or_images).transpose(1, 2)

    def backbone(self, images: Tensor) -> Tensor:
        """Returns what the members' backbones give for float images or features (members, batch, ...)."""
        if self.is_single:
            features: Tensor = self.network.backbone(images[0])
            return features[None]
        return images

    def final_norm(self, scores: Tensor) -> Tensor:
        """Returns the scores (members, batch, classes) behind the final norms."""
        if self.is_single:
            normed: Tensor = self.network.final_norm(scores[0])
            return normed[None]
        normed = self.network.final_norm(scores.transpose(1, 2))
        return normed.transpose(1, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Returns the scores behind the final norms, (members, batch, classes), of images (members, batch, ...)."""
        return self.final_norm(self.scores(self.backbone(images)))

    def of_member(self, tensor: Tensor, member: int) -> Tensor:
        """Returns a member's part of a parameter, a statistic, or what an optimiser keeps beside one: a view."""
        return tensor if self.is_single else tensor[member]

    def num_axes(self, parameter: Tensor) -> int:
        """Returns the axes that a parameter has in a member."""
        return parameter.ndim - (0 if self.is_single else 1)

    def member_state(self, member: int) -> dict[str, Tensor]:
        """Returns the state dict of a member's network: views."""
        return {name: self.of_member(value, member) for name, value in self.network.state_dict().items()}

    def load_member_states(self, states: Sequence[Mapping[str, Tensor]], strict: bool) -> None:
        """Takes up what `member_state` returned of all members; without `strict` a backbone may be missing."""
        if self.is_single:
            self.network.load_state_dict(states[0], strict=strict)
        else:
            self.network.load_state_dict({name: torch.stack([s[name] for s in states]) for name in states[0]})

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """Returns what the final norms do to scores in evaluation, y = a s + b: a, b (members, classes)."""
        if self.is_single:
            scale, shift = scale_and_shift(self.network.final_norm)
            return scale[None], shift[None]
        norm = self.network.final_norm
        if not isinstance(norm, _BatchNorm | _WeightedBatchNorm):
            raise TypeError(f"got {type(norm).__name__}; only a batch norm has a scale and shift")
        return affine_form(norm.running_mean, norm.running_var, norm.weight.detach(), norm.bias.detach(), norm.eps)

    @torch.no_grad()
    def set_in_final_norm(self, name: str, values: Tensor) -> None:
        """Puts values (members, classes) in the place of "bias", "running_mean" or "running_var" of the final norms."""
        its: Tensor = getattr(self.network.final_norm, name)
        its.copy_(values[0] if self.is_single else values)

    def weigh_images(self, weights: Tensor) -> None:
        """Gives Y19's norms the weight of each image of a batch, (members, batch)."""
        for norm in weighted_norms(self.network):
            norm.image_weights = weights[0] if self.is_single else weights

    @contextmanager
    def drawing(self, seeds: Sequence[int], device: torch.device) -> Iterator[None]:
        """Lets every member's dropout draw from a seed of its own meanwhile: what it draws alone, it draws in a stack.

        Torch's global generators are as before afterwards.
        """
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seeds[0])
            generators = [torch.Generator(device=device).manual_seed(seed) for seed in seeds]
            for module in self.network.modules():
                if isinstance(module, _Dropout):
                    module.generators = generators
            yield


class _Flatten(nn.Module):
    """Images (members, batch, c, h, w) or channels (batch, members * c, h, w) become units (members, units, batch)."""

    def __init__(self, members: Sequence[nn.Flatten]) -> None:
        super().__init__()
        self.num_members = len(members)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 5:
            return x.flatten(2).transpose(1, 2)
        return x.reshape(len(x), self.num_members, -1).permute(1, 2, 0)


class _Linear(nn.Module):
    def __init__(self, members: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = _parameters([member.weight for member in members])  # (members, out, in)
        self.bias = _parameters([member.bias for member in members])  # (members, out)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias[:, :, None], self.weight, x)


class _Conv2d(nn.Module):
    def __init__(self, members: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        self.weight = _parameters([member.weight for member in members])  # (members, out, in, h, w)
        self.bias = None if members[0].bias is None else _parameters([_given(member.bias) for member in members])
        self.stride, self.padding, self.dilation = members[0].stride, members[0].padding, members[0].dilation
        self.groups = len(members) * members[0].groups

    def forward(self, x: Tensor) -> Tensor:
        channels = x.transpose(0, 1).flatten(1, 2) if x.ndim == 5 else x  # the first sees images
        bias = None if self.bias is None else self.bias.flatten()
        weight = self.weight.flatten(0, 1)
        return F.conv2d(channels, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class _BatchNorm(nn.Module):
    """Of units or channels; `running_mean` and the others are (members, units)."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, members: Sequence[nn.BatchNorm1d | nn.BatchNorm2d]) -> None:
        super().__init__()
        self.weight = _parameters([member.weight for member in members])
        self.bias = _parameters([member.bias for member in members])
        self.momentum, self.eps = members[0].momentum, members[0].eps
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, torch.stack([_given(getattr(member, name)) for member in members]))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.num_batches_tracked += 1
        # a member's unit is a channel of one long image, whose batch is its length
        wide = x.reshape(1, -1, x.shape[2]) if x.ndim == 3 else x
        return F.batch_norm(
            wide,
            self.running_mean.view(-1),
            self.running_var.view(-1),
            self.weight.view(-1),
            self.bias.view(-1),
            self.training,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        ).view(x.shape)


class _WeightedBatchNorm(WeightedBatchNorm):
    """The layer itself, whose formulas take leading axes, between two turns of its units."""

    def __init__(self, members: Sequence[WeightedBatchNorm]) -> None:
        super().__init__(members[0].weight.shape[0], members[0].weighted)
        self.weight, self.bias = (_parameters([getattr(m, name) for m in members]) for name in ("weight", "bias"))
        self.running_mean = torch.stack([member.running_mean for member in members])
        self.running_var = torch.stack([member.running_var for member in members])

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class _Dropout(nn.Module):
    """Draws a member's mask as nn.Dropout does, (batch, units) from the member's own generator."""

    def __init__(self, members: Sequence[nn.Dropout]) -> None:
        super().__init__()
        self.p = members[0].p
        self.generators: Sequence[torch.Generator] = ()

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        masks = x.new_empty((len(x), x.shape[2], x.shape[1]))
        for mask, generator in zip(masks, self.generators, strict=True):
            mask.bernoulli_(1 - self.p, generator=generator)
        return x * masks.div_(1 - self.p).transpose(1, 2)


_STACKED: dict[type[nn.Module], Callable[..., nn.Module]] = {
    nn.Flatten: _Flatten,
    nn.Linear: _Linear,
    nn.Conv2d: _Conv2d,
    nn.BatchNorm1d: _BatchNorm,
    nn.BatchNorm2d: _BatchNorm,
    WeightedBatchNorm: _WeightedBatchNorm,
    nn.Dropout: _Dropout,
}
_AS_THEY_ARE = (nn.Identity, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d)  # each value or channel on its own


def _stacked(networks: Sequence[Classifier]) -> Classifier:
    """Returns a network whose layers are those of all networks, stacked."""
    stacked = copy.deepcopy(networks[0])
    for path, layer in list(stacked.named_modules()):
        if any(True for _ in layer.children()) or type(layer) in _AS_THEY_ARE:
            continue
        if type(layer) not in _STACKED:
            raise TypeError(f"{path}, a {type(layer).__name__}, has no stacked form")
        members = [network.get_submodule(path) for network in networks]
        stacked.set_submodule(path, _STACKED[type(layer)](members))
    return stacked


def _parameters(values: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack([value.detach() for value in values]), requires_grad=values[0].requires_grad)


def _given(value: Tensor | None) -> Tensor:
    if value is None:
        raise TypeError("a layer without the tensor that its members have")
    return value
