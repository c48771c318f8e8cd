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
from study.tracking.connection import tracking_errors
from study.tracking.contents import NOTE, labels_of
from study.tracking.tracker import KEY, SEED, Tracker
from trainables.common import for_markdown

CHAMPION = "champion"
ONNX = "onnx"  # folder of a run's artifacts
VARIANT, SHA, DEPLOYABLE = "onnx.variant", "onnx.sha256", "onnx.deployable"


def register(
    tracker: Tracker, group: Group, exported_runs: Sequence[Exported], to_deploy: tuple[Exported, str] | None
) -> str:
    """Logs every file as a model of its run and registers it, unless it is registered already; returns the name.

    Args:
        tracker: MLflow, with the runs in it.
        group: that the runs are of; variants of a study do not share a name.
        exported_runs: one per arm.
        to_deploy: the run and the variant that get the alias; None leaves it where it is.

    Raises:
        TrackingError: whatever MLflow raised, on one line.
    """
    study = group.study
    name = model_name(group, exported_runs[0].record.typed_configuration().data.source)
    with tracking_errors():
        client = tracker.client
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name, description=f"{study.title} ({group.label}): verified ONNX files")
        registered = {version.tags.get(SHA): version for version in client.search_model_versions(f"name = '{name}'")}
        version_numbers = {}
        for exported in exported_runs:
            for variant, file in exported.files.items():
                sha = hashlib.sha256(file.read_bytes()).hexdigest()
                if sha in registered:
                    number = registered[sha].version
                else:
                    number = _make_version(tracker, study, name, exported, variant, sha)
                version_numbers[exported.record.key, variant] = number
            _link(tracker, study, exported)
        if to_deploy is not None:
            champion, variant = to_deploy
            client.set_registered_model_alias(name, CHAMPION, version_numbers[champion.record.key, variant])
    return name


def model_name(group: Group, source: str) -> str:
    """Returns the registered model's name: of the study, its data, and what was changed in it."""
    data = re.sub(r"[^A-Za-z0-9]+", "-", source).strip("-")
    name = f"final-bn-{group.study.name}"
    if data not in group.study.name:
        name = f"{name}-{data}"
    if group.label == AS_DECLARED:
        return name
    return f"{name}-{hashlib.sha256(group.label.encode()).hexdigest()[:6]}"


def _link(tracker: Tracker, study: Study, exported: Exported) -> None:
    """Says in the description of a configuration's run where its best seed's exact file is."""
    record = exported.record
    variant = next(variant for variant in BEST_FIRST if variant in exported.files)
    run_of_seed = tracker.run_id(study, record.key, record.seed)
    file = f"#/experiments/{tracker.experiment_id(study)}/runs/{run_of_seed}/artifacts/{ONNX}/{variant}.onnx"
    note = labels_of(study, record)[NOTE]
    link = f"Verified ONNX file of its best seed on validation, {record.seed}: [{variant}.onnx]({file})"
    tracker.client.set_tag(tracker.run_id(study, record.key, None), NOTE, f"{note}\n\n{link}")


def _make_version(tracker: Tracker, study: Study, name: str, exported: Exported, variant: str, sha: str) -> str:
    """Logs a file as a model of its run and registers it as a new version; returns the version's number."""
    import mlflow.onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    record, verification = exported.record, exported.verifications[variant]
    model = onnx.load(exported.files[variant])
    shape = tuple(size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim)[1:]  # of an image
    classes = record.typed_configuration().data.classes
    signature = ModelSignature(
        Schema([TensorSpec(np.dtype("uint8"), (-1, *shape), INPUT)]),
        Schema([TensorSpec(np.dtype("float32"), (-1, len(classes)), OUTPUT)]),
    )
    run_id = tracker.run_id(study, record.key, record.seed)
    with tempfile.TemporaryDirectory() as folder:
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        mlflow.onnx.save_model(
            model,
            Path(folder, variant),
            signature=signature,
            save_as_external_data=False,
            input_example={INPUT: np.zeros((1, *shape), np.uint8)},
            pip_requirements=["mlflow", "numpy", "onnx", "onnxruntime"],
            metadata={"classes": list(classes)},
        )
        tracker.client.log_artifacts(run_id, str(Path(folder, variant)), f"models/{variant}")
    source = f"{tracker.client.get_run(run_id).info.artifact_uri}/models/{variant}"
    f1 = verification.metrics.get("f1/minority", float("nan"))
    tags = {
        KEY: record.key,
        SEED: str(record.seed),
        VARIANT: variant,
        SHA: sha,
        DEPLOYABLE: str(verification.deployable).lower(),
    }
    description = (
        f"{record.arm}, {variant}: minority F1 {f1:.3f} on the whole test set through onnxruntime, "
        f"{len(verification.changed)} of {verification.num_images} decisions changed; "
        f"classes {for_markdown(', '.join(classes))}"
    )
    return str(tracker.client.create_model_version(name, source, run_id, tags, description=description).version)
