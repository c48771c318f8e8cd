"""A network trained in this process, with its record."""

from pathlib import Path

from trainables.configuration import Configuration, Trial
from trainables.data import Images
from trainables.run import run
from trainables.storage import Record, RunFolder
from trainables.training import Inputs


def trained(configuration: Configuration, images: Images, folder: Path) -> tuple[RunFolder, Record]:
    """Returns the run folder and the record of one run of a configuration, seed 0."""
    runs = RunFolder(str(folder))
    *_, last = run(Trial("study", "arm", configuration, (0,)), Inputs(images), runs)
    (record,) = last.records
    assert record.status == "complete", record.reason
    return runs, record
