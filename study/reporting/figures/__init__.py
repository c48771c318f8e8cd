"""Groups and records -> figures."""
