"""Helpers of the tests: commands, records, faults."""
