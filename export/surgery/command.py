"""What the commands `export.fold` and `export.remove` share: arguments, and a process with limits that does the work.

An ONNX file can be made to take any time and memory, or to crash its reader. So a process of its own reads, changes,
proves and writes; it may take only so much of both, and whatever ends it is one line here.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.errors import SurgeryError
from trainables.common import printable

if TYPE_CHECKING:
    from export.surgery.proof import Claim

SECONDS, SECONDS_PER_MB = 45.0, 3.0  # how long the work may take: at least, and more for a large file
BYTES, BYTES_PER_BYTE = 8 * 2**30, 16  # how much address space: at least, and more for a large file
LONGEST = 1000  # characters of a line


def change_file(claim: "Claim", description: str, arguments: Sequence[str]) -> str:
    """Writes the changed file and returns the line that says what was done; raises SurgeryError where it cannot."""
    args = make_parser(claim, description).parse_args(arguments)
    source, target = args.source, args.target
    megabytes = source.stat().st_size / 1e6 if os.path.isfile(source) else 0
    seconds = args.seconds or SECONDS + SECONDS_PER_MB * megabytes
    command = [sys.executable, "-m", __name__, claim, str(seconds), str(source), str(target), *map(str, args.inputs)]
    nowhere, one_thread = subprocess.DEVNULL, {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # each takes address space
    with subprocess.Popen(command, env=one_thread, stdin=nowhere, stdout=subprocess.PIPE, stderr=nowhere) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
            answer = json.loads(output)
        except subprocess.TimeoutExpired:
            answer = {"error": f"{source}: stopped after {seconds:g} s, nothing is written; --seconds allows more"}
        except ValueError:
            ending = _ending(process.wait())
            answer = {"error": f"{source}: reading or running it {ending}; nothing is written"}
        finally:
            process.kill()
            process.wait()
            with suppress(OSError, ValueError):
                target.with_name(f".{target.name}.{process.pid}.part").unlink()
    if "error" in answer:
        raise SurgeryError(answer["error"])
    return str(answer["done"])


def make_parser(claim: "Claim", description: str) -> argparse.ArgumentParser:
    """Returns the strict parser of a command that reads one ONNX file and writes another."""
    parser = argparse.ArgumentParser(
        prog=f"python -m export.{claim}",
        description=description,
        epilog=f"example: python -m export.{claim} model.onnx changed.onnx",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("source", metavar="IN.onnx", type=Path)
    add("target", metavar="OUT.onnx", type=Path)
    about = "compare on these inputs instead of random ones: one array per graph input; may be given several times"
    add("--inputs", metavar="FILE.npz", type=Path, action="append", default=[], help=about)
    about = f"stop after so long; default {SECONDS:g} and {SECONDS_PER_MB:g} per MB of the file"
    add("--seconds", metavar="S", type=_seconds, help=about)
    return parser


def work(arguments: Sequence[str]) -> dict[str, Any]:
    """Does the work in a process of its own: returns {"done": line} or {"error": line}."""
    claim, seconds, source, target, *inputs = arguments
    _limit(float(seconds), Path(source))
    from export.surgery.changes import fold, remove
    from export.surgery.files import rewrite

    try:
        if claim == "fold":
            done = rewrite(fold, Path(source), Path(target), "fold", [Path(path) for path in inputs])
        else:
            done = rewrite(remove, Path(source), Path(target), "remove", [Path(path) for path in inputs])
        return {"done": _one_line(done)}
    except SurgeryError as error:
        return {"error": _one_line(str(error))}
    except MemoryError:
        return {"error": _one_line(f"{source}: the graph takes too much memory")}
    except Exception as error:  # a fault of this program: said as one, and nothing is written
        cause = f"{type(error).__name__}: {error}"
        return {"error": _one_line(f"{source}: a graph that this program fails on ({cause}); nothing is written")}


def _limit(seconds: float, source: Path) -> None:
    """Bounds this process, also where nobody is left to stop it."""
    try:
        import resource
    except ImportError:  # Windows
        return
    size = source.stat().st_size if os.path.isfile(source) else 0
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(16 * seconds) + 1,) * 2)  # of all threads together
    memory = BYTES + BYTES_PER_BYTE * size
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _one_line(text: str) -> str:
    """Returns a text that a terminal shows as one line, whatever names a file brings."""
    shown = printable(text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."


def _ending(code: int) -> str:
    """Returns how a process ended without an answer."""
    if code == -signal.SIGXCPU:
        return "took too much time"
    return f"crashed ({signal.Signals(-code).name})" if code < 0 else "took too much memory"


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"got {text!r}; a number of seconds above 0 is allowed")
    return value


if __name__ == "__main__":
    print(json.dumps(work(sys.argv[1:])))
