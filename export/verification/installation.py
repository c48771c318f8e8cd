"""Whether onnxruntime is installed as it should be, and which device it would use."""

from importlib.metadata import PackageNotFoundError, version

from trainables.common import Finding

WHEELS = ("onnxruntime", "onnxruntime-gpu")


def check_installation(cuda_of_torch: bool) -> list[Finding]:
    """Returns findings on the wheels and on CUDA; two wheels in one environment overwrite each other's files."""
    versions = {}
    for wheel in WHEELS:
        try:
            versions[wheel] = version(wheel)
        except PackageNotFoundError:
            continue
    names = ", ".join(f"{wheel} {number}" for wheel, number in versions.items())
    if len(versions) != 1:
        remedy = "pip uninstall -y onnxruntime onnxruntime-gpu, then install one of them"
        return [Finding("onnxruntime", "failed", f"{names or 'neither wheel'} installed, one is needed; {remedy}")]
    import onnxruntime

    findings = [Finding("onnxruntime", "ok", names)]
    cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if not cuda_of_torch:
        findings.append(Finding("onnxruntime CUDA", "not applicable", "torch sees no CUDA device here"))
    elif cuda:
        findings.append(Finding("onnxruntime CUDA", "ok", "CUDAExecutionProvider is there"))
    else:
        remedy = "install onnxruntime-gpu; models run on the CPU until then"
        findings.append(Finding("onnxruntime CUDA", "failed", f"torch sees CUDA, onnxruntime does not; {remedy}"))
    return findings
