"""What is measured of a file that computes something else, or cannot be opened."""

import numpy as np
import onnx
import pytest
import torch

from export.conversion import Deployed, to_onnx
from export.errors import ExportError
from export.surgery import copy_model
from export.verification import HeldOut, open_session, verify
from trainables.configuration import Network
from trainables.networks import build_network


def test_a_file_that_gives_nan_matches_nothing_and_is_not_for_deployment() -> None:
    network = Deployed(build_network(Network(final_norm="batch"), (1, 8, 8), 2), "softmax")
    graph = to_onnx(network, (1, 8, 8), {})
    images = np.random.default_rng(0).integers(0, 255, (20, 8, 8, 1), dtype=np.uint8)
    with torch.no_grad():
        scores = network.scores(torch.from_numpy(images))
        trained = network.probabilities(scores).numpy()
    names, roles = list(map(str, range(20))), ("majority", "minority")
    test = HeldOut(images, np.arange(20) % 2, names, scores, trained, ("a", "b"), roles)
    assert verify("keep", graph, test, trained).matches
    broken = copy_model(graph)
    for constant in broken.graph.initializer:
        values = onnx.numpy_helper.to_array(constant)
        if values.dtype == np.float32 and values.ndim == 2:
            constant.CopyFrom(onnx.numpy_helper.from_array(np.full_like(values, np.nan), constant.name))
    measured = verify("keep", broken, test, trained)
    assert not measured.matches
    assert not measured.deployable


def test_what_onnxruntime_cannot_load_says_so() -> None:
    with pytest.raises(ExportError, match="onnxruntime cannot load this graph: "):
        open_session(b"no graph")
