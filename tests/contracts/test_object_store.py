"""The run folder on a real S3-compatible server: records, checksums, the lease, and a whole study with Ray."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from study.execution.lease import NAME, Lease
from trainables.configuration import Configuration, Trial
from trainables.run import run
from trainables.storage.checkpoint import Checkpoint
from trainables.storage.run_folder import RunFolder

pytest.importorskip("s3fs")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket on a server of its own; addresses and keys are in the environment, as they would be for a user."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    environment = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "test",
                   "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    import s3fs

    s3fs.S3FileSystem().mkdir("runs-bucket")
    yield "s3://runs-bucket/some/runs"
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    server.terminate()
    server.wait()


def test_records_checkpoints_and_lease_live_in_the_bucket(bucket: str, tiny: Configuration) -> None:
    from trainables.data import datasets
    from trainables.training.inputs import Inputs

    folder = RunFolder(bucket)
    folder.probe()
    trial = Trial("s", "arm", tiny, (0,))
    [record] = list(run(trial, Inputs(datasets.load_images("digits", Path())), folder))[-1].records
    assert [r.seed for r in folder.records("s", verify=True)] == [0]
    import s3fs

    path = f"runs-bucket/some/runs/s/{tiny.key}/seed-0/weights.safetensors"
    store = s3fs.S3FileSystem()
    store.pipe_file(path, store.cat_file(path)[:-5])  # cut short, as by a copy that was stopped
    assert not list(RunFolder(bucket).records("s", verify=True))
    assert folder.read("s", tiny.key, 0, verify=False) == record

    checkpoint = Checkpoint(folder, "s", tiny.key, (0,), "data")
    checkpoint.write({"a": np.arange(3)})
    assert np.array_equal(checkpoint.read()["a"], np.arange(3))  # type: ignore[index]
    checkpoint.remove()
    assert checkpoint.read() is None

    with Lease(folder, print):
        assert folder.get(NAME)
    assert folder.get(NAME) is None


@pytest.mark.timeout(300)
def test_a_study_runs_into_a_bucket_and_goes_on(bucket: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "study.grid", "digits", "--smoke", "--where", "augmentation.transform=none",
               "--where", "mixup_alpha=0", "--where", "weight_decay=0", "--cpus-per-trial", "2",
               "--runs", bucket]  # fmt: skip

    def run_study() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    first = run_study()
    assert first.returncode == 0, first.stderr
    assert "8 runs done, 0 were there, 0 failed" in first.stdout
    assert "MLflow: off" in first.stdout
    assert list((tmp_path / "figures").rglob("f1.png")), (
        "figures of a remote run folder lie where the command was given"
    )
    second = run_study()
    assert "0 runs done, 8 were there, 0 failed" in second.stdout
    assert len(list(RunFolder(bucket).records("digits-smoke", verify=True))) == 8
