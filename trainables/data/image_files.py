"""Image files -> uint8 pixels, at once or, where a data set is larger than memory, when they are asked for."""

import hashlib
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from trainables.common import MIB, DataError, read_regular
from trainables.data.near_duplicates import Appearance, appearance

HEIC = (".heic", ".heif")  # read where pillow-heif is installed
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
DAMAGED = (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError)
_HEIC_BRANDS = {b"ftyp" + brand for brand in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")}
_CAMERA, _EXIF, _TAKEN = 272, 0x8769, 36867  # tags of EXIF headers
_NO_HEIC = "a HEIC photo; pip install '.[heic]' (pillow-heif) lets it be read, or export it as JPEG"
LARGEST_FILE = 512 * MIB  # the pixels of the largest image that Pillow opens (179 million), uncompressed
_OTHER_SUFFIX = f"not one of {', '.join(SUFFIXES)}"


def read(path: Path, size: int) -> tuple[str, npt.NDArray[np.uint8] | None]:
    """Returns (SHA-256 of the file, uint8 (3, size, size)), or (reason, None) for what is not a whole image."""
    content = _content_or_reason(path)
    if isinstance(content, str):
        return content, None
    try:
        with Image.open(BytesIO(content)) as image:
            colours = upright_rgb(image)
            if colours.size != (size, size):
                colours = colours.resize((size, size), Image.Resampling.BILINEAR)
            pixels = np.asarray(colours).transpose(2, 0, 1)
    except DAMAGED as error:
        return _not_whole(error), None
    return hashlib.sha256(content).hexdigest(), np.ascontiguousarray(pixels)


@dataclass(frozen=True)
class Look:
    """What a survey keeps of an image.

    Attributes:
        size: (width, height) as stored.
        appearance: what it looks like from afar; None where it is nearly of one colour.
        taken: (camera, second in which it was taken), where its EXIF header says both; else None.
    """

    size: tuple[int, int]
    appearance: Appearance | None
    taken: tuple[str, datetime] | None


def inspect(path: Path) -> tuple[str, Look | None]:
    """Returns (SHA-256 of the file, what is seen in it), or (reason, None) for what is not a whole image."""
    content = _content_or_reason(path)
    if isinstance(content, str):
        return content, None
    try:
        with Image.open(BytesIO(content)) as image:
            colours = upright_rgb(image)
            look = Look(image.size, appearance(colours), _taken(image))
    except DAMAGED as error:
        return _not_whole(error), None
    return hashlib.sha256(content).hexdigest(), look


def _taken(image: Image.Image) -> tuple[str, datetime] | None:
    try:
        header = image.getexif()
        camera, moment = header.get(_CAMERA), header.get_ifd(_EXIF).get(_TAKEN)
        return (str(camera), datetime.strptime(str(moment), "%Y:%m:%d %H:%M:%S")) if camera and moment else None
    except DAMAGED:
        return None


def _content_or_reason(path: Path) -> bytes | str:
    """Returns the bytes of what may be an image, or why it is none: a FIFO would wait for ever, a device has no end."""
    if path.suffix.lower() not in (*SUFFIXES, *HEIC):
        return _OTHER_SUFFIX
    try:
        content = read_regular(path, LARGEST_FILE)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return content if content[4:12] not in _HEIC_BRANDS or _reads_heic() else _NO_HEIC


@cache
def _reads_heic() -> bool:
    """Whether Pillow reads HEIC, the format of phones: it does once pillow-heif is installed and has told it how."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def _not_whole(error: BaseException) -> str:
    in_memory = "cannot identify image file" in str(error)  # Pillow then names an object in memory
    return f"not a whole image ({'of no format that is known' if in_memory else error})"


def upright_rgb(image: Image.Image) -> Image.Image:
    """Returns an image turned as its EXIF says, in 8-bit RGB; 16-bit grey is scaled, transparency dropped.

    A broken EXIF header turns nothing.
    `export/edge.py` does the same on a device; tests/export/test_edge.py holds them together.
    """
    image.load()  # broken pixels are an error, a broken header is not
    try:
        turned = ImageOps.exif_transpose(image)
    except DAMAGED:
        turned = image
    if turned.mode.startswith("I;16"):
        turned = Image.fromarray((np.asarray(turned) >> 8).astype(np.uint8))
    elif turned.mode in ("I", "F"):
        turned = Image.fromarray(np.clip(np.asarray(turned) / 256, 0, 255).astype(np.uint8))
    return turned.convert("RGB")


class ImageFiles:
    """Stands for uint8 (images, 3, size, size); an image is read and decoded whenever it is indexed.

    The files have to be there on every node that trains.
    """

    def __init__(self, paths: Sequence[Path], digests: Sequence[str], size: int) -> None:
        """Takes the files, the SHA-256 that each must have, and the pixels per side of the squares they become."""
        self._paths = list(paths)
        self.digests = tuple(digests)
        self.shape = (len(paths), 3, size, size)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: slice | npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Returns the pixels (n, 3, size, size) of n images, decoded on all cores.

        Raises:
            DataError: a file that has gone or changed since it was first read.
        """
        positions = np.arange(len(self))[index]
        with ThreadPoolExecutor() as pool:
            return np.stack(list(pool.map(self._read_unchanged, positions.tolist())))

    def in_memory(self) -> npt.NDArray[np.uint8]:
        """Returns all pixels; raises DataError as indexing does."""
        pixels = np.empty(self.shape, np.uint8)
        with ThreadPoolExecutor() as pool:
            for position, image in enumerate(pool.map(self._read_unchanged, range(len(self)))):
                pixels[position] = image
        return pixels

    def _read_unchanged(self, position: int) -> npt.NDArray[np.uint8]:
        path = self._paths[position]
        digest_or_reason, pixels = read(path, self.shape[-1])
        if pixels is None:
            raise DataError(f"{path} changed since this run began: {digest_or_reason}")
        if digest_or_reason != self.digests[position]:
            raise DataError(f"{path} changed since this run began")
        return pixels


Pixels = npt.NDArray[np.uint8] | ImageFiles


def content(pixels: Pixels) -> bytes | memoryview:
    """Returns what tells pixels from others: themselves, or the digests of their files."""
    return "".join(pixels.digests).encode() if isinstance(pixels, ImageFiles) else np.ascontiguousarray(pixels).data
