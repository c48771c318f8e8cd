"""How do records reach MLflow? All that this project knows of it."""

from study.tracking.background import BackgroundTracker
from study.tracking.contents import best_first
from study.tracking.model_registry import CHAMPION, ONNX, register
from study.tracking.tracker import Tracker, TrackingError, check_tracking, open_tracker, tracking_errors

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
