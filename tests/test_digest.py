"""Committed results are stale when the code that they depend on has changed, and only then."""

import shutil

import pytest

from copyavg.book import digest


@pytest.fixture
def package(tmp_path):
    """A copy of copyavg whose files a test may change."""
    copy = tmp_path / "copyavg"
    shutil.copytree(digest.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "data"))
    return copy


def change(path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_a_slip_in_the_gradient_makes_the_data_of_relu_stale(package):
    before = {activation: digest.of_flow(activation, package) for activation in ("erf", "relu")}
    assert before == {activation: digest.of_flow(activation) for activation in before}
    change(package / "landscape.py", "by_outgoing = 2 * xp.matmul(", "by_outgoing = 2.0000001 * xp.matmul(")
    assert all(digest.of_flow(activation, package) != value for activation, value in before.items())


def test_one_activation_does_not_depend_on_another(package):
    before = {activation: digest.of_flow(activation, package) for activation in ("erf", "relu")}
    change(package / "activations/relu.py", "factor = (1 - slope) ** 2", "factor = (1 + slope) ** 2")
    assert digest.of_flow("erf", package) == before["erf"]
    assert digest.of_flow("relu", package) != before["relu"]
    (package / "activations/named.py").write_text("NAMED = {}")  # the registry
    assert digest.of_flow("erf", package) == before["erf"]


def test_words_layout_and_place_do_not_matter(package):
    before = digest.of_flow("relu", package)
    text = (package / "flow/kink.py").read_text(encoding="utf-8")
    (package / "flow/kink.py").unlink()
    (package / "flow/origin.py").write_text(text.replace('"""Return', '"""Give back') + "\n\n# A remark.\n")
    for path in package.rglob("*.py"):
        path.write_text(path.read_text(encoding="utf-8").replace("from .kink import", "from .origin import"))
    assert digest.of_flow("relu", package) == before


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("x = 1  # one\ny = 2\n", '"""Words."""\n\ny = 2\nx = 1\n', True),
        ("import a\n\nx = (1 +\n     2)\n", "from b import a\nx = (1 + 2)\n", True),
        ('f"{x}  # no comment"\n', 'f"{x} # no comment"\n', False),
        ("if x:\n    y()\n    z()\n", "if x:\n    y()\nz()\n", False),
        ("x = 1\n", "x = 1\nx = 1\n", False),
        ("def f():\n    'Words.'\n    return 1\n", "def f():\n    return 1\n", True),
    ],
)
def test_what_counts_as_the_same(tmp_path, one, other, same):
    for name, text in (("one.py", one), ("other.py", other)):
        (tmp_path / name).write_text(text)
    found = [digest.digest_of_files([tmp_path / name]) for name in ("one.py", "other.py")]
    assert (found[0] == found[1]) == same


def test_imports_are_followed_wherever_they_stand():
    assert "copyavg.activations.gaussian" in digest.reached("copyavg.activations.gelu")
    assert "copyavg.flow.batched" in digest.reached("copyavg.flow.gradient_flow")
    assert "copyavg.points.stability" not in digest.reached("copyavg.flow.gradient_flow")
