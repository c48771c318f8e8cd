"""Which images are there, and which of them train, validate and test?"""

from trainables.data.datasets import Folders, check_data, is_available, is_same_data, load_images
from trainables.data.image_files import ImageFiles, Pixels
from trainables.data.image_folder import IMAGE_SIZE, Folder, Survey, survey_folder
from trainables.data.image_groups import NEAR_DUPLICATES
from trainables.data.image_tables import as_nfc
from trainables.data.images import TEST, TRAIN, VALIDATION, Images, LeftOut
from trainables.data.split import Split, assign_classes, draw_split

__all__ = [
    "IMAGE_SIZE",
    "NEAR_DUPLICATES",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "Folder",
    "Folders",
    "ImageFiles",
    "Images",
    "LeftOut",
    "Pixels",
    "Split",
    "Survey",
    "as_nfc",
    "assign_classes",
    "check_data",
    "draw_split",
    "is_available",
    "is_same_data",
    "load_images",
    "survey_folder",
]
