import json
import re
from pathlib import Path

import mpmath
import numpy as np
import pytest

import copyavg as ca
from copyavg.book import explorables
from copyavg.book.exercises import EXERCISES, SEARCHES, check

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
MISTAKES = [(label, i) for label, exercise in EXERCISES.items() for i in range(len(exercise.mistakes))]

pytestmark = pytest.mark.bad_input
every_exercise = pytest.mark.parametrize("label", EXERCISES)


@every_exercise
def test_the_answer_passes(label):
    verdict = check(label, EXERCISES[label].answer)
    assert verdict.passed, verdict
    assert repr(verdict) == f"✓ {label}: right for all {len(EXERCISES[label].inputs())} inputs."


@pytest.mark.parametrize("label", SEARCHES)
class TestSearches:
    """States to be found in a figure."""

    def test_what_was_to_be_found_is_found(self, label):
        search = SEARCHES[label]
        assert repr(check(label, explorables.KINDS[search.figure](**search.answer))) == f"✓ {label}: found."

    def test_where_the_reader_has_done_nothing_that_is_said(self, label):
        search = SEARCHES[label]
        untouched = check(label, explorables.KINDS[search.figure](**search.start))
        assert untouched.message.startswith(f"○ {label}: not answered yet.")

    def test_other_states_get_a_hint(self, label):
        search = SEARCHES[label]
        for chosen, begins in search.mistakes:
            message = check(label, explorables.KINDS[search.figure](**chosen)).message
            assert message.startswith(f"✗ {label}: not there. Hint: {begins}")

    @pytest.mark.parametrize("other", [None, 3, "groups", lambda n: n])
    def test_what_is_no_such_figure_is_named(self, label, other):
        assert check(label, other).message.startswith(f"✗ {label}: give the figure {SEARCHES[label].figure} itself")


@pytest.mark.parametrize(("label", "i"), MISTAKES)
def test_a_typical_mistake_gets_its_hint(label, i):
    mistake, hint = EXERCISES[label].mistakes[i]
    verdict = check(label, mistake)
    assert not verdict.passed
    assert verdict.message.startswith(f"✗ {label}: wrong at ")
    assert verdict.message.endswith(f"Hint: {hint}")


@every_exercise
def test_a_slip_of_a_ten_thousandth_is_no_answer(label):
    def slipped(*arguments):
        right = EXERCISES[label].answer(*arguments)
        if isinstance(right, ca.Network):
            return ca.Network(1.0001 * right.incoming, right.outgoing)
        return 1.0001 * right

    assert not check(label, slipped).passed


@every_exercise
def test_what_is_not_answered_yet_is_no_mistake(label):
    for nothing in (None, ...):
        verdict = check(label, lambda *_, nothing=nothing: nothing)
        assert not verdict.passed
        assert verdict.message.startswith(f"○ {label}: not answered yet.")


class Odd:
    """A thing that is no number."""


def fails(*_):
    raise KeyError("w")


def fails_at_length(*_):
    raise ValueError("first line\n" + "and more, " * 50)


def kind(label: str) -> str:
    """What is expected of an answer."""
    right = EXERCISES[label].expected(*next(iter(EXERCISES[label].inputs())))
    return type(right).__name__ + str(np.shape(right))


@pytest.mark.parametrize("label", {kind(label): label for label in EXERCISES}.values())  # one of every kind
@pytest.mark.parametrize(
    "nonsense",
    [
        "a string", 1, None, fails, fails_at_length, lambda: 1, lambda *_: "x", lambda *_: "x" * 999,
        lambda *_: Odd(), lambda *_: [1, [2, 3]], lambda *_: 1j,
        lambda *_: np.nan, lambda *_: np.inf, lambda *_: [1.0, 2.0], lambda *_: np.ones((2, 2)), lambda *_: {},
        lambda *_: True, lambda *_: np.eye, lambda *_: ca.orthonormal_teacher(2), lambda *_: exit(), lambda *_: 0,
        lambda *_: np.float64(1) / 0, lambda *_: ca.Network([[np.nan]], [1]),
    ],
)  # fmt: skip
def test_nonsense_gets_a_friendly_line(label, nonsense):
    verdict = check(label, nonsense)
    assert not verdict.passed
    assert verdict.message.startswith(f"✗ {label}: ")
    assert "\n" not in verdict.message
    assert len(verdict.message) < 250


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (3, "✗ ex-one-copy: give the function itself, by its name and without brackets."),
        (fails, "✗ ex-one-copy: at k = 1, your function raised KeyError: 'w'"),
        (lambda k: "x", "✗ ex-one-copy: at k = 1, return a real number: yours is 'x'."),
        (lambda k: [k, k], "✗ ex-one-copy: at k = 1, return one number: yours is an array of shape (2,)."),
        (lambda k: {}, "✗ ex-one-copy: at k = 1, return a number: yours is of type dict."),
        (lambda k: None if k > 3 else (k - 1) / 3, "at k = 4. There it returns nothing: is a return missing?"),
        (lambda k: 2 * (k - 1) / 3, "at k = 2. Hint: everywhere it is twice the right answer."),
        (lambda k: (1 - k) / 3, "at k = 2. Hint: everywhere it is right but for its sign."),
        (lambda k: 1 / 3, "at k = 1. It is right for 1 of 6 inputs. What is special about those?"),
        (lambda k: 7.0, "It is not right for any input. Compare it with a case that you can compute by hand."),
        (lambda k: np.nan, "for some input. Is there a 0/0, or the square root of a negative number?"),
    ],
)
def test_messages(answer, message):
    assert check("ex-one-copy", answer).message.endswith(message)


def test_networks_must_have_their_shape():
    answer = lambda gradient, q: ca.Network(gradient.incoming[:1], gradient.outgoing[:1])  # noqa: E731
    assert check("ex-rotation", answer).message == (
        "✗ ex-rotation: at the inputs gradient, q, incoming must have shape (4, 4), and yours has (1, 4)."
    )
    assert check("ex-rotation", lambda gradient, q: 1.0).message.endswith("return a Network: yours is of type float.")


@pytest.mark.parametrize("label", ["ex-two-copies", None, 3])
def test_an_unknown_label_is_answered_with_those_there_are(label):
    verdict = check(label, lambda k: k)
    assert verdict.message.startswith(f"✗ There is no exercise {label!r}. There are: ex-one-copy, ")


@pytest.mark.parametrize(
    "kind", [float, np.float32, np.asarray, mpmath.mpf, lambda x: ca.Network([[x]], [x]).outgoing[0]]
)
def test_any_kind_of_real_number_will_do(kind):
    assert check("ex-one-copy", lambda k: kind((k - 1) / 3)).passed


def test_an_answer_cannot_spoil_the_inputs_of_the_next():
    def spoils(gradient, q):
        turned = ca.Network(gradient.incoming @ q.T, gradient.outgoing)
        gradient.incoming[:] = q[:] = 0
        return turned

    assert check("ex-rotation", spoils).passed


def outputs(path: Path) -> dict[str, list[str]]:
    """What the checks of a committed notebook print, by label and in order."""
    shown = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code" and "exercises.check(" in (source := "".join(cell["source"])):
            label = re.search(r'exercises\.check\(\s*"([^"]+)"', source)[1]
            shown.setdefault(label, []).append("".join(cell["outputs"][-1]["data"]["text/plain"]))
    return shown


def test_the_notebooks_hold_every_exercise_unanswered_and_solved():
    shown = {label: lines for path in NOTEBOOKS for label, lines in outputs(path).items()}
    assert [label for label in shown if label in EXERCISES] == list(EXERCISES)
    assert [label for label in shown if label in SEARCHES] == list(SEARCHES)
    for label, (stub, solution) in shown.items():
        assert stub.startswith(f"○ {label}: not answered yet")
        assert solution.startswith(f"✓ {label}: {'right' if label in EXERCISES else 'found'}")
