"""Photos of noise, and folders of them as a study reads them."""

from pathlib import Path

import numpy as np
from PIL import Image

from trainables.data import Images, datasets
from trainables.data.image_folder import Folder, survey_folder


def photo(path: Path, seed: int, size: tuple[int, int] = (20, 16)) -> None:
    """Writes a photo (width, height) of noise, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def load_folder_of(folder: Folder, size: int = 16) -> Images:
    """Returns the images of a folder at a size, as a configuration that names it would."""
    source = survey_folder(folder).source
    return datasets.load_images(source, Path(), size, {source: folder})
