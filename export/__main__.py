"""The command `python -m export STUDY`; what it does stands in study/exporting.py."""

from study.commandline import run_command
from study.exporting import main

if __name__ == "__main__":
    run_command(main)
