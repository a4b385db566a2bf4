"""The build of the book: what it packs of its own source, and what it refuses to publish."""

import runpy
import shutil
import tarfile
from pathlib import Path
from types import SimpleNamespace

import bookext
import pytest

ROOT = Path(__file__).parent.parent
PACK = runpy.run_path(str(ROOT / "book/pack.py"))


@pytest.fixture
def tree(tmp_path) -> Path:
    """A small repository without git: two files, and what .gitignore names."""
    root = tmp_path / "tree"
    for name in ("code/one.py", "code/__pycache__/one.pyc", ".venv/bin/python", "x.egg-info/PKG-INFO", "README.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    shutil.copy(ROOT / ".gitignore", root)
    return root


def test_an_unpacked_archive_packs_what_git_would(tree):
    assert PACK["files"](tree) == [".gitignore", "README.md", "code/one.py"]


@pytest.mark.slow
def test_the_archive_says_neither_who_packed_it_nor_when_and_makes_the_wheel(tree, tmp_path):
    shutil.rmtree(tree / "code")
    shutil.copy(ROOT / "pyproject.toml", tree)
    shutil.copy(ROOT / "LICENSE", tree)
    shutil.copytree(ROOT / "copyavg", tree / "copyavg", ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "build/lib/copyavg").mkdir(parents=True)
    (tree / "build/lib/copyavg/gone.py").write_text("left by an earlier build")
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        PACK["pack"](tree, folder)
        (tree / "README.md").touch()
    archives = [folder / PACK["ARCHIVE"] for folder in folders]
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with tarfile.open(archives[0]) as tar:
        assert {(info.uid, info.uname, info.mtime) for info in tar} == {(0, "", PACK["LONG_AGO"])}
    shutil.unpack_archive(folders[0] / PACK["WHEEL"], tmp_path / "wheel", "zip")
    for path in (ROOT / "copyavg").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert (tmp_path / "wheel" / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    assert not (tmp_path / "wheel/copyavg/gone.py").exists()


@pytest.mark.parametrize(("url", "publish"), [("", ""), ("", "1"), ("https://example.org", "1")])
def test_a_book_without_an_address_is_not_published(url, publish, monkeypatch):
    monkeypatch.setenv("PUBLISH", publish)
    config = {"html_theme_options": {"repository_url": url, "launch_buttons": {"colab_url": "https://example.org"}}}
    if publish and not url:
        with pytest.raises(SystemExit, match="set the repository's address in _config.yml"):
            bookext.show_buttons_that_lead_somewhere(SimpleNamespace(), config)
    else:
        bookext.show_buttons_that_lead_somewhere(SimpleNamespace(), config)
        assert bool(config["html_theme_options"]["launch_buttons"]) == bool(url)
