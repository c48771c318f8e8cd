"""What a cluster does to a study, really done to it: after each fault every run has one good record, and MLflow agrees.

The slow ones are left out by default; `python -m pytest tests/faults` runs them all.
"""
