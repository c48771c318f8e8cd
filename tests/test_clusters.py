"""The files of clusters/ against Ray's own schema, KubeRay's fields, shellcheck and pyproject.toml."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

CLUSTERS = Path(__file__).parents[1] / "clusters"
LAUNCHERS = ("aws", "gcp", "onprem")
NO_PRIVILEGES = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
TEXTS = {path.name: path.read_text() for path in CLUSTERS.iterdir() if path.is_file()}


def _documents(name: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(TEXTS[name]) if document]


@pytest.mark.parametrize("name", LAUNCHERS)
def test_launcher_files_fit_rays_schema(name: str) -> None:
    import jsonschema
    import ray

    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    [config] = _documents(f"{name}.yaml")
    jsonschema.validate(config, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**config, "max_worker": 1}, schema)
    starts = [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]
    assert all("RAY_AUTH_MODE=token" in command for command in starts if "ray start" in command)
    assert all("dashboard-host=127.0.0.1" in command for command in starts if "--head" in command)
    if name != "onprem":
        assert config["head_node_type"] in config["available_node_types"]
        assert config["available_node_types"]["head"]["resources"]["CPU"] == 0
        assert config["docker"]["image"] in TEXTS["Dockerfile"]


def _cluster_spec(name: str) -> dict[str, Any]:
    document = _documents(name)[-1]
    assert document["apiVersion"] == "ray.io/v1"
    return dict(document["spec"]["rayClusterSpec"] if document["kind"] == "RayJob" else document["spec"])


@pytest.mark.parametrize("name", ["kuberay-raycluster.yaml", "kuberay-rayjob.yaml"])
def test_kuberay_files_have_what_kuberay_requires(name: str) -> None:
    spec = _cluster_spec(name)
    assert spec["authOptions"] == {"mode": "token"}
    pinned = {Requirement(line).name: Requirement(line) for line in _pins()}
    assert f"=={spec['rayVersion']}" == str(pinned["ray"].specifier)
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert "rayStartParams" in group
        pod = group["template"]["spec"]
        [container] = pod["containers"]
        assert container["resources"]["limits"] == container["resources"]["requests"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == NO_PRIVILEGES
    assert spec["autoscalerOptions"]["securityContext"] == NO_PRIVILEGES
    for worker in spec["workerGroupSpecs"]:
        assert worker["template"]["spec"]["automountServiceAccountToken"] is False
        assert {"groupName", "replicas", "minReplicas", "maxReplicas"} <= worker.keys()
        assert worker["minReplicas"] <= worker["replicas"] <= worker["maxReplicas"]
        assert "nvidia.com/gpu" in worker["template"]["spec"]["containers"][0]["resources"]["limits"]


def test_the_ray_job_can_be_started_again_and_cleans_up() -> None:
    *others, job = _documents("kuberay-rayjob.yaml")
    assert others == _documents("kuberay-raycluster.yaml")[:-1]  # either file works alone, and both together
    assert job["kind"] == "RayJob"
    assert job["spec"]["backoffLimit"] > 0
    assert job["spec"]["shutdownAfterJobFinishes"] is True


def test_only_rays_own_pods_reach_rays_ports() -> None:
    _, policy, _ = _documents("kuberay-raycluster.yaml")
    ray_pods = {"matchLabels": {"ray.io/is-ray-node": "yes"}}
    assert policy["kind"] == "NetworkPolicy"
    assert policy["spec"]["podSelector"] == ray_pods
    among_themselves, dashboard = policy["spec"]["ingress"]
    assert among_themselves == {"from": [{"podSelector": ray_pods}]}
    assert dashboard["ports"] == [{"port": 8265}]


def test_a_job_takes_along_the_project_and_nothing_of_ones_own(tmp_path: Path) -> None:
    from ray._private.runtime_env.packaging import create_package

    own = (".env", ".env.local", "deploy.key", "runs/r.json", "onnx/m.onnx", "pages/p.html", "figures/f.png", "w.pt")
    project = ("study/grid.py", "study/reporting/figures/__init__.py", "trainables/data/__init__.py", "pyproject.toml")
    for name in (*own, *project):
        (tmp_path / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / name).write_text("x")
    shutil.copy(CLUSTERS.parent / ".rayignore", tmp_path / "here")
    package = tmp_path / "package.zip"
    create_package(str(tmp_path / "here"), package, include_gitignore=True)
    with zipfile.ZipFile(package) as file:
        assert {name for name in file.namelist() if not name.endswith("/")} == {*project, ".rayignore"}


def test_shell_scripts_pass_shellcheck() -> None:
    scripts = [str(CLUSTERS / name) for name, text in TEXTS.items() if text.startswith("#!")]
    assert scripts
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def _pins() -> list[str]:
    return [line for line in TEXTS["requirements.txt"].splitlines() if line and not line.startswith("#")]


def test_pinned_requirements_are_those_of_the_project() -> None:
    project = tomllib.loads((CLUSTERS.parent / "pyproject.toml").read_text())["project"]
    declared = {str(r.name): r for r in map(Requirement, project["dependencies"])}
    pinned = {r.name: r for r in map(Requirement, _pins())}
    assert pinned.keys() == declared.keys()
    for name, pin in pinned.items():
        version = str(pin.specifier).removeprefix("==")
        assert declared[name].specifier.contains(version), name
        assert (pin.extras, str(pin.marker)) == (declared[name].extras, str(declared[name].marker)), name


@pytest.mark.parametrize("name", [n for n in TEXTS if n.endswith((".yaml", ".sh", "Dockerfile"))])
def test_each_file_says_command_cost_and_time_and_holds_no_secret(name: str) -> None:
    head = "\n".join(line for line in TEXTS[name].splitlines() if line.startswith("#"))
    assert re.search(r"^#   (ray|kubectl|sbatch|docker) ", head, re.MULTILINE)
    if name != "Dockerfile":
        assert "Cost" in head
        assert "ime" in head
    assert not re.search(r"(AKIA|ghp_|-----BEGIN|token: [0-9a-f]{8})", TEXTS[name])


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_commands_in_them_exist(name: str) -> None:
    from importlib.util import find_spec

    for module in re.findall(r"python -m ([a-z_.]+)", TEXTS[name]):
        assert find_spec(module) is not None, module


def test_the_readmes_commands_for_token_and_server(tmp_path: Path) -> None:
    token = next(line for line in TEXTS["README.md"].splitlines() if line.startswith("ray get-auth-token"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": path}
    subprocess.run(token, shell=True, check=True, capture_output=True, env=environment)
    assert (tmp_path / ".ray" / "auth_token").stat().st_mode & 0o777 == 0o600

    from mlflow.cli import server

    known = {option for parameter in server.params for option in parameter.opts}
    command = TEXTS["README.md"].partition("mlflow server ")[2].partition("\nexport")[0]
    assert set(re.findall(r"--[a-z-]+", command)) <= known
