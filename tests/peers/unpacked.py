"""Programs of Debian's packages: the system's, or those which scripts/unpack.sh has put into build/servers."""

import os
import pathlib
import shutil
import tempfile

from host import ROOT

UNPACKED = ROOT / "build/servers"


class program:
    """`path` is what is run; `resources` are what else came with it, below /usr."""

    def __init__(self, name):
        own = UNPACKED / "bin" / name
        self.root = UNPACKED / "root/usr" if own.exists() else pathlib.Path("/usr")
        self.path = str(own) if own.exists() else shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
        if not self.path:
            raise AssertionError(f"{name} is neither installed nor unpacked")

    def resources(self, path):
        return self.root / path


def scratch(run):
    """A folder, with an empty `log` in it, that is gone at the end. It is for everybody, because squid gives up root's rights."""
    folder = pathlib.Path(tempfile.mkdtemp())
    run.callback(shutil.rmtree, folder, ignore_errors=True)  # a browser's helpers may end a little later than it does
    folder.chmod(0o777)
    log = folder / "log"
    log.touch()
    log.chmod(0o666)
    return folder
