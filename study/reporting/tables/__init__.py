"""Groups and verdicts -> tables."""
