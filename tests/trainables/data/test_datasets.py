import shutil
from pathlib import Path

import numpy as np
import pytest

from trainables.common import DataError
from trainables.data import datasets
from trainables.data.images import Images


def test_digits_are_embedded(digits: Images) -> None:
    assert digits.pixels.shape == (1797, 1, 8, 8)
    pixels = np.asarray(digits.pixels)
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert digits.fingerprint == "a51c1ae6ca3ca4e3"


def test_an_unknown_data_set_names_the_known_ones() -> None:
    with pytest.raises(
        DataError, match="unknown data set 'cifar'; allowed: digits, mnist, plantvillage, plantvillage:PLANT"
    ):
        datasets.load_images("cifar", Path())


def test_mnist_is_read_where_it_lies(real_data: Path) -> None:
    images = datasets.load_images("mnist", real_data)
    assert images.pixels.shape == (70_000, 1, 28, 28)
    assert images.official_test is not None
    assert images.official_test.sum() == 10_000
    assert images.sample_names[60_000] == "test/0"


def test_a_truncated_file_is_named(real_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "MNIST" / "raw"
    shutil.copytree(real_data / "MNIST" / "raw", folder)
    path = folder / "train-images-idx3-ubyte"
    path.chmod(0o644)
    content = path.read_bytes()[:100_000]
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"MNIST: .*damaged"):
        datasets.load_images("mnist", tmp_path)


def test_missing_and_not_downloadable_says_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])  # nothing listens there: refused at once
    with pytest.raises(DataError, match=r"MNIST: not in .* and the download failed .*--data-root"):
        datasets.load_images("mnist", tmp_path)
