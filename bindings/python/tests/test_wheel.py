"""The wheel: what is in it, that it is the same each time, and that a new environment can use it, with no compiler."""

import os
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parents[1]
HELLO = """
import sys
from ws4d.sync.client import connect
with connect(sys.argv[1]) as ws:
    ws.send("hello")
    print(ws.recv())
"""


def pack(folder):
    command = [sys.executable, PACKAGE / "backend/ws4d_build.py", os.environ["WS4D_LIBRARY"], folder]
    return pathlib.Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return pack(tmp_path_factory.mktemp("wheel"))


def test_its_tag_says_python_3_and_the_c_library_that_is_needed(wheel):
    version = re.search(r'WS4D_VERSION_STRING "(.*)"', (ROOT / "include/ws4d.h").read_text())[1]
    assert re.fullmatch(rf"ws4d-{re.escape(version)}-py3-none-manylinux_2_\d+_\w+(\.manylinux2014_\w+)?\.whl", wheel.name)


def test_it_holds_the_package_the_library_and_the_licences_and_nothing_else(wheel):
    sources = {str(path.relative_to(PACKAGE)) for path in (PACKAGE / "ws4d").rglob("*.py")} | {"ws4d/py.typed", "ws4d/libws4d.so.0"}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = next(name for name in names if name.endswith("/RECORD")).removesuffix("/RECORD")
        licenses = {f"{info}/licenses/{name}" for name in ("LICENSE", "LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY.md")}
        assert names == sources | licenses | {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD")}
        metadata = archive.read(f"{info}/METADATA").decode()
        record = archive.read(f"{info}/RECORD").decode()
    assert "Requires-Dist" not in metadata
    assert {line.partition(",")[0] for line in record.splitlines()} == names


def test_the_same_commit_gives_the_same_wheel(wheel, tmp_path):
    assert pack(tmp_path).read_bytes() == wheel.read_bytes()


def test_a_new_environment_installs_and_uses_it(wheel, server, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "new"], check=True)
    python = tmp_path / "new/bin/python"
    site = subprocess.run([python, "-c", "import site; print(site.getsitepackages()[0])"], check=True, stdout=subprocess.PIPE, text=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    subprocess.run([*pip, "--target", site.stdout.strip(), wheel], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WS4D_", "PYTHON"))}
    said = subprocess.run(
        [python, "-W", "error", "-c", HELLO, server.ws("/echo")], check=True, stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        env=environment | {"PATH": "/nonexistent"},
    )  # fmt: skip
    assert said.stdout == "hello\n"
