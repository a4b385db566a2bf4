"""Pack what the site carries of its own source: an archive of the repository, and the wheel of copyavg made of it.

`make book` calls this with the folder in which they are to lie. The same tree gives the same archive.
"""

import fnmatch
import gzip
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
ARCHIVE = f"copy-or-average-{VERSION}.tar.gz"
WHEEL = f"copyavg-{VERSION}-py3-none-any.whl"
LONG_AGO = 315532800  # 1980, where the calendar of zip files begins


def files(root: Path) -> list[str]:
    """What belongs to the repository: what git tracks, or, in an unpacked archive, what .gitignore does not name."""
    if (root / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
        return sorted(name for name in listed.split("\0") if name and (root / name).exists())
    ignored = [line.rstrip("/") for line in (root / ".gitignore").read_text(encoding="utf-8").split()]
    return sorted(path.relative_to(root).as_posix() for path in walk(root, ignored))


def walk(folder: Path, ignored: list[str]) -> Iterator[Path]:
    """Every file below a folder, but for those of these names and those in folders of these names."""
    for path in folder.iterdir():
        if not any(fnmatch.fnmatch(path.name, name) for name in ignored):
            yield from walk(path, ignored) if path.is_dir() else [path]


def as_anyone(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who packed the file, and when."""
    info.uid, info.gid, info.uname, info.gname, info.mtime = 0, 0, "", "", LONG_AGO
    return info


def pack(root: Path, folder: Path) -> None:
    """Write the archive and the wheel, and remove older ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    with gzip.GzipFile(folder / ARCHIVE, "wb", mtime=LONG_AGO) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name in files(root):
            tar.add(root / name, f"{ARCHIVE.removesuffix('.tar.gz')}/{name}", filter=as_anyone)
    with tempfile.TemporaryDirectory() as clean:  # where no earlier build has left anything
        with tarfile.open(folder / ARCHIVE) as tar:
            tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.2 has none
            tar.extractall(clean)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-build-isolation", "--wheel-dir", folder, *Path(clean).iterdir()]
        subprocess.run(command, check=True, env=os.environ | {"SOURCE_DATE_EPOCH": str(LONG_AGO)})


if __name__ == "__main__":
    pack(ROOT, Path(sys.argv[1]))
