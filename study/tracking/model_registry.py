"""Verified ONNX files -> registered MLflow models with signature and example; alias `champion`: the one to deploy."""

import hashlib
import logging
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from export.conversion import INPUT, OUTPUT
from export.runs import BEST_FIRST, Exported
from study.evidence import AS_DECLARED, Group
from study.studies import Study
from study.tracking.contents import NOTE, labels_of
from study.tracking.tracker import KEY, SEED, Tracker, one_line

CHAMPION = "champion"
ONNX = "onnx"  # folder of a run's artifacts
VARIANT, SHA, DEPLOYABLE = "onnx.variant", "onnx.sha256", "onnx.deployable"


def register(tracker: Tracker, found: Group, chosen: Sequence[Exported], to_deploy: tuple[Exported, str] | None) -> str:
    """Logs every file as a model of its run and registers it, what is there already not again; returns the name.

    Args:
        tracker: MLflow, with the runs in it.
        found: the group that the runs are of: variants of a study do not share a name.
        chosen: one run per arm.
        to_deploy: the run and the variant that get the alias; None leaves it where it is.

    Raises:
        TrackingError: whatever MLflow raised, on one line.
    """
    study = found.study
    name = model_name(found, chosen[0].record.typed_configuration().data.source)
    with one_line():
        client = tracker.client
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name, description=f"{study.title} ({found.label}): verified ONNX files")
        there = {v.tags.get(SHA): v.version for v in client.search_model_versions(f"name = '{name}'")}
        versions = {}
        for done in chosen:
            for variant, file in done.files.items():
                sha = hashlib.sha256(file.read_bytes()).hexdigest()
                version = there.get(sha) or _version(tracker, study, name, done, variant, sha)
                versions[done.record.key, variant] = version
            _link(tracker, study, done)
        if to_deploy is not None:
            best, variant = to_deploy
            client.set_registered_model_alias(name, CHAMPION, versions[best.record.key, variant])
    return name


def model_name(found: Group, source: str) -> str:
    """Returns the registered model's name: of the study, its data, and what was changed in it."""
    data = re.sub(r"[^A-Za-z0-9]+", "-", source).strip("-")
    name = f"final-bn-{found.study.name}" if data in found.study.name else f"final-bn-{found.study.name}-{data}"
    return name if found.label == AS_DECLARED else f"{name}-{hashlib.sha256(found.label.encode()).hexdigest()[:6]}"


def _link(tracker: Tracker, study: Study, done: Exported) -> None:
    """Says in the description of a configuration's run where its best seed's exact file is."""
    variant = next(its for its in BEST_FIRST if its in done.files)
    run, seed = (tracker.run_id(study, done.record.key, its) for its in (None, done.record.seed))
    file = f"#/experiments/{tracker.experiment_id(study)}/runs/{seed}/artifacts/{ONNX}/{variant}.onnx"
    note = labels_of(study, done.record)[NOTE]
    best = f"Verified ONNX file of its best seed on validation, {done.record.seed}: [{variant}.onnx]({file})"
    tracker.client.set_tag(run, NOTE, f"{note}\n\n{best}")


def _version(tracker: Tracker, study: Study, name: str, done: Exported, variant: str, sha: str) -> str:
    import mlflow.onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    record, measured = done.record, done.verifications[variant]
    model = onnx.load(done.files[variant])
    shape = tuple(size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim)[1:]
    classes = record.typed_configuration().data.classes
    signature = ModelSignature(
        Schema([TensorSpec(np.dtype("uint8"), (-1, *shape), INPUT)]),
        Schema([TensorSpec(np.dtype("float32"), (-1, len(classes)), OUTPUT)]),
    )
    run_id = tracker.run_id(study, record.key, record.seed)
    with tempfile.TemporaryDirectory() as folder:
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        mlflow.onnx.save_model(
            model, Path(folder, variant), signature=signature, save_as_external_data=False,
            input_example={INPUT: np.zeros((1, *shape), np.uint8)},
            pip_requirements=["mlflow", "numpy", "onnx", "onnxruntime"], metadata={"classes": list(classes)},
        )  # fmt: skip
        tracker.client.log_artifacts(run_id, str(Path(folder, variant)), f"models/{variant}")
    source = f"{tracker.client.get_run(run_id).info.artifact_uri}/models/{variant}"
    f1 = measured.metrics.get("f1/minority", float("nan"))
    tags = {KEY: record.key, SEED: str(record.seed), VARIANT: variant, SHA: sha,
            DEPLOYABLE: str(measured.deployable).lower()}  # fmt: skip
    description = (
        f"{record.arm}, {variant}: minority F1 {f1:.3f} on the whole test set through onnxruntime, "
        f"{len(measured.changed)} of {measured.num_images} decisions changed; classes {', '.join(classes)}"
    )
    return str(tracker.client.create_model_version(name, source, run_id, tags, description=description).version)
