"""What lies where a command expects a file: photos and a model that are right, and every kind of file that is wrong."""

import os
import socket
from pathlib import Path

import numpy as np
import onnx
from PIL import Image


class Material:
    """Files that the cases name: photos, an ONNX file, and every kind of file that is none.

    Args:
        root: an empty folder.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.runs, self.photos, self.model = root, root / "runs", root / "photos", root / "mean.onnx"
        rng = np.random.default_rng(0)
        for name in ("dark", "bright"):
            (self.photos / name).mkdir(parents=True)
            for i in range(6):
                picture = Image.fromarray(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8))
                picture.save(self.photos / name / f"{i}.png")
        _save_model(self.model)
        self._listener = socket.socket(socket.AF_UNIX)
        self.no_files = self._make_no_files()

    def close(self) -> None:
        """Closes the socket that lies among the files."""
        self._listener.close()

    def _make_no_files(self) -> dict[str, str]:
        """Returns {what lies there: path}, of all that can be named where a file is needed."""
        root = self.root
        (root / "folder").mkdir()
        os.mkfifo(root / "fifo")
        self._listener.bind(str(root / "socket"))
        (root / "empty").write_bytes(b"")
        (root / "binary").write_bytes(bytes(range(256)) * 64)
        (root / "long line").write_text("a" * 200_000)
        (root / "loop").symlink_to(root / "loop")
        (root / "dangling").symlink_to(root / "nothing")
        (root / "to fifo").symlink_to(root / "fifo")
        names = ("folder", "fifo", "socket", "empty", "binary", "long line", "loop", "dangling", "to fifo", "missing")
        return {
            **{name: str(root / name) for name in names},
            "endless device": "/dev/zero",
            "below a file": str(root / "empty" / "x"),
            "long name": str(root / ("x" * 300)),
            "long path": str(root.joinpath(*["x" * 100] * 60)),
            "hostile name": str(root / "\x1b[31mred\n\u202e"),
            "nothing": "",
        }


def _save_model(path: Path) -> None:
    """Saves a model whose P(bright) is the mean of the image, in [0, 1]."""
    nodes = [
        onnx.helper.make_node("Cast", ["x"], ["f"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("ReduceMean", ["f"], ["m"], axes=[1, 2, 3], keepdims=0),
        onnx.helper.make_node("Div", ["m", "white"], ["share"]),
        onnx.helper.make_node("Unsqueeze", ["share", "axis"], ["bright"]),
        onnx.helper.make_node("Sub", ["one", "bright"], ["dark"]),
        onnx.helper.make_node("Concat", ["dark", "bright"], ["y"], axis=1),
    ]
    constants = {"white": np.float32(255), "one": np.float32(1), "axis": np.array([1])}
    graph = onnx.helper.make_graph(
        nodes, "g", [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, ["n", 9, 9, 3])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 2])],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    model = onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.metadata_props.add(key="classes", value='["dark", "bright"]')
    onnx.save(model, path)
