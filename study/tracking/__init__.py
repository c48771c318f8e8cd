"""How do records reach MLflow? All that this project knows of it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.tracking.background import BackgroundTracker
    from study.tracking.browsing import served
    from study.tracking.connection import TrackingError, tracking_errors
    from study.tracking.model_registry import CHAMPION, ONNX, register
    from study.tracking.scores_view import scores_address, show_scores
    from study.tracking.tracker import Tracker, check_tracking, open_tracker
else:
    from trainables.common import public_names

    _FILES = {
        "background": ("BackgroundTracker",),
        "browsing": ("served",),
        "connection": ("TrackingError", "tracking_errors"),
        "model_registry": (
            "CHAMPION",
            "ONNX",
            "register",
        ),
        "scores_view": (
            "scores_address",
            "show_scores",
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
    "check_tracking",
    "open_tracker",
    "register",
    "scores_address",
    "served",
    "show_scores",
    "tracking_errors",
]
