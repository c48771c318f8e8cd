"""How do records reach MLflow? All that this project knows of it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.tracking.background import BackgroundTracker
    from study.tracking.connection import TrackingError, tracking_errors
    from study.tracking.contents import best_first
    from study.tracking.model_registry import CHAMPION, ONNX, register
    from study.tracking.tracker import Tracker, check_tracking, open_tracker
else:
    from trainables.lazy import public_names

    _FILES = {
        "background": ("BackgroundTracker",),
        "connection": ("TrackingError", "tracking_errors"),
        "contents": ("best_first",),
        "model_registry": (
            "CHAMPION",
            "ONNX",
            "register",
        ),
        "tracker": (
            "Tracker",
            "check_tracking",
            "open_tracker",
        ),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "CHAMPION",
    "ONNX",
    "BackgroundTracker",
    "Tracker",
    "TrackingError",
    "best_first",
    "check_tracking",
    "open_tracker",
    "register",
    "tracking_errors",
]
