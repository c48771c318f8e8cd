from pathlib import Path

import pytest

from trainables import own_code
from trainables.common import ConfigurationError
from trainables.configuration import Configuration


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory from which modules are imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def _write(place: Path, name: str, text: str) -> None:
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_text(text)


def test_a_function_is_named_with_the_fingerprint_of_its_file_and_found_again(place: Path) -> None:
    _write(place, "own_a.py", "def f(): return 3\n")
    name = own_code.name_own("own_a:f")
    assert own_code.is_own(name)
    assert own_code.spec_of(name) == "own_a:f"
    assert own_code.load_own(name)() == 3
    _write(place, "elsewhere.py", "")  # beside it, not of it
    assert own_code.name_own("own_a:f") == name
    assert own_code.to_ship([name, name]) == [str(place / "own_a.py")]


def test_of_a_package_every_file_counts_and_is_shipped(place: Path) -> None:
    _write(place, "own_b/__init__.py", "")
    _write(place, "own_b/nets.py", "from own_b.parts import f\n")
    _write(place, "own_b/parts.py", "def f(): return 3\n")
    before = own_code.name_own("own_b.nets:f")
    _write(place, "own_b/parts.py", "def f(): return 4\n")
    assert own_code.name_own("own_b.nets:f") != before
    assert own_code.to_ship([before]) == [str(place / "own_b")]


def test_what_is_installed_is_not_shipped() -> None:
    assert own_code.to_ship(["numpy.linalg:norm", "textwrap:dedent"]) == []


def test_source_that_has_changed_since_is_refused(place: Path) -> None:
    _write(place, "own_c.py", "def f(): return 3\n")
    name = own_code.name_own("own_c:f")
    assert own_code.is_there(name)
    _write(place, "own_c.py", "def f(): return 4\n")
    assert not own_code.is_there(name)
    with pytest.raises(
        ConfigurationError, match=r"own_c:f: its source is .* now, the run's was .*; put that source back"
    ):
        own_code.load_own(name)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("no_such_module:f", "no_such_module:f: no module 'no_such_module', neither installed nor in"),
        ("own_d:god", r"own_d has no such function \(did you mean good"),
        ("own_d:number", "number is a int"),
        ("own_e:f", "own_e cannot be imported: ZeroDivisionError: division by zero"),
        ("own_f:f", "own_f cannot be imported: No module named 'not_there'"),
        ("math:sqrt", "math has no source file"),
    ],
)
def test_what_is_no_function_is_one_line(place: Path, spec: str, message: str) -> None:
    _write(place, "own_d.py", "number = 3\ndef good(): pass\n")
    _write(place, "own_e.py", "1 / 0\n")
    _write(place, "own_f.py", "import not_there\n")
    with pytest.raises(ConfigurationError, match=message) as caught:
        own_code.name_own(spec)
    assert "\n" not in str(caught.value)


def test_a_configuration_takes_a_function_with_its_fingerprint_only() -> None:
    default = Configuration()
    named = default.replace({"network.name": "my_code:f@0123456789abcdef"})
    assert named.key != default.key
    assert named.key != default.replace({"network.name": "my_code:f@0123456789abcdee"}).key
    for field in ("network.name", "network.head", "loss.function", "data.source"):
        with pytest.raises(ConfigurationError, match="my_code:f"):
            default.replace({field: "my_code:f"})
    with pytest.raises(ConfigurationError, match="takes the place of every other field"):
        default.replace({"loss.function": "my_code:f@0123456789abcdef", "loss.focal_gamma": 2.0})
