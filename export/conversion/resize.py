"""How images of any size become those that a network was trained on: said exactly, or done inside the graph."""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from PIL import Image

from export.conversion.graph_form import OPSETS, lean
from export.verification import infer, open_session

RESIZE = (
    "Pillow's bilinear filter: a triangle as wide as the scale when an image shrinks (antialias), half-pixel "
    "coordinates, first along rows and then along columns, rounded to uint8 after each, height and width scaled on "
    "their own"
)
FILTER = Image.Resampling.BILINEAR  # as trainables/data/image_files.py resizes
_FACTORS = ((0.5, 0.5), (1.0, 1.7), (3.3, 2.1), (7.0, 7.0))  # of the size that is needed, to compare with Pillow


def with_resize(model: ModelProto) -> ModelProto:
    """Returns a graph that takes images of any size and first resizes them to what it took; the model is changed."""
    graph = model.graph
    [images] = graph.input
    height, width = images.type.tensor_type.shape.dim[1:3]
    resized = f"{images.name}_resized"
    for node in graph.node:
        node.input[:] = [resized if name == images.name else name for name in node.input]
    resize, sizes = _resize(images.name, resized, height.dim_value, width.dim_value)
    graph.node.insert(0, resize)
    graph.initializer.append(sizes)
    height.dim_param, width.dim_param = "height", "width"
    return model


def resize_graph(height: int, width: int, channels: int) -> ModelProto:
    """Returns a graph that only resizes uint8 (1, any height, any width, channels), to compare with Pillow."""
    resize, sizes = _resize("images", "resized", height, width)
    given = helper.make_tensor_value_info("images", TensorProto.UINT8, [1, "height", "width", channels])
    made = helper.make_tensor_value_info("resized", TensorProto.UINT8, [1, height, width, channels])
    graph = helper.make_graph([resize], "resize", [given], [made], [sizes])
    return lean(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSETS[-1])]))


def _resize(given: str, made: str, height: int, width: int) -> tuple[onnx.NodeProto, TensorProto]:
    """Returns the node between two names of images (batch, height, width, channels), and the sizes that it reads."""
    sizes = numpy_helper.from_array(np.array([height, width], dtype=np.int64), f"{made}_sizes")
    node = helper.make_node(
        "Resize",
        [given, "", "", sizes.name],
        [made],
        name=f"{made}_resize",
        axes=[1, 2],
        mode="linear",
        coordinate_transformation_mode="half_pixel",
        antialias=1,
        exclude_outside=1,  # at borders Pillow weighs what is there, ONNX by default the border again
    )
    return node, sizes


def difference_to_pillow(height: int, width: int, channels: int) -> tuple[int, float]:
    """Returns by how much resizing inside the graph differs from Pillow on made-up images, coarse and fine, of 4 sizes.

    Returns:
        The largest difference of a value (of 255), and the share of values that differ.
    """
    session = open_session(resize_graph(height, width, channels).SerializeToString())
    differences = []
    for image in _images_to_resize(height, width):
        pixels = np.asarray(image if channels == 3 else image.convert("L")).reshape(image.height, image.width, channels)
        by_graph = infer(session, pixels[None])[0]
        resized = (image if channels == 3 else image.convert("L")).resize((width, height), FILTER)
        by_pillow = np.asarray(resized).reshape(height, width, channels)
        differences.append(np.abs(by_graph.astype(int) - by_pillow).ravel())
    every = np.concatenate(differences)
    return int(every.max()), float((every > 0).mean())


def _images_to_resize(height: int, width: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    images = []
    for rows, columns in _FACTORS:
        size = (max(int(width * columns), 2), max(int(height * rows), 2))
        fine: npt.NDArray[np.uint8] = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        coarse = Image.fromarray(fine[:8, :8].copy()).resize(size, Image.Resampling.BICUBIC)
        images += [Image.fromarray(fine), coarse]
    return images
