"""The examples of README.md are programs that run."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from host import PATIENCE

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
README = (PACKAGE / "README.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs(server, number):
    program = EXAMPLES[number].replace("wss://feed.example", server.ws("/echo"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=PATIENCE, env={**os.environ, "PYTHONPATH": str(PACKAGE)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert done.stdout


def test_each_keyword_of_connect_is_in_the_table():
    import inspect

    import ws4d

    keywords = set(inspect.signature(ws4d.connect.__init__).parameters) - {"self", "uri", "path", "ssl", "proxy"}
    assert {word for word in keywords if f"`{word}`" not in README} == set()


def test_the_two_clients_have_the_same_keywords():
    import inspect

    import ws4d
    import ws4d.sync.client

    ours = inspect.signature(ws4d.connect.__init__).parameters
    blocking = inspect.signature(ws4d.sync.client.connect).parameters
    assert {name: kind.default for name, kind in ours.items() if name not in ("self", "process_exception")} == {
        name: kind.default for name, kind in blocking.items()
    }
