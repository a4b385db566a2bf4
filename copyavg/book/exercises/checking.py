"""What an exercise is, and how a reader's function is compared with it."""

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from copyavg.book.check import printable
from copyavg.network import Network

NO_HALF = "that is half of it. The loss of this book has no factor ½."


@dataclass(frozen=True)
class Verdict:
    """What `check` found out: whether the answer is right, and a line for the reader, which is how it prints."""

    passed: bool
    message: str

    def __repr__(self) -> str:
        return printable(self.message)


@dataclass(frozen=True)
class Exercise:
    """What an answer is tried on and compared with.

    Parameters
    ----------
    arguments : tuple of str
        The names of what the reader's function is given, for messages.
    inputs : callable
        () → the arguments of every trial, a tuple each.
    expected : callable
        What the function should return for these arguments, computed with `copyavg` by another route than the
        answer's.
    answer : callable
        A right answer, in closed form.
    mistakes : tuple of (callable, str)
        Wrong answers that are easily given, each with the hint that fits; the first that agrees counts.
    tolerance : float
        How far a right answer may be from the expected one, relative to the largest expected number.
    """

    arguments: tuple[str, ...]
    inputs: Callable[[], Sequence[tuple]]
    expected: Callable[..., Any]
    answer: Callable[..., Any]
    mistakes: tuple[tuple[Callable[..., Any], str], ...]
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Search:
    """A state to be found in a figure that computes in the page; what counts is what the reader has chosen there.

    Parameters
    ----------
    figure : str
        The name of the figure.
    start : dict
        What is chosen where the chapter shows it.
    hint : callable
        None if a figure is in that state, else a hint, computed with `copyavg` from what was chosen.
    answer : dict
        A choice that is right.
    mistakes : tuple of (dict, str)
        Wrong choices, and how their hints begin.
    """

    figure: str
    start: dict[str, Any]
    hint: Callable[[Any], str | None]
    answer: dict[str, Any]
    mistakes: tuple[tuple[dict[str, Any], str], ...]


def look_at(label: str, search: Search, answer: Any) -> Verdict:
    """Say whether a figure is in the state that was to be found."""
    if getattr(answer, "name", None) != search.figure:
        return Verdict(False, f"✗ {label}: give the figure {search.figure} itself, by the name of its variable.")
    untouched = {
        name: value for name, value in answer.trait_defaults().items() if name in answer.chosen()
    } | search.start
    if answer.chosen() == untouched:
        return Verdict(False, f"○ {label}: not answered yet. Play with the figure, then run this cell again.")
    hint = search.hint(answer)
    return Verdict(hint is None, f"✗ {label}: not there. Hint: {hint}" if hint else f"✓ {label}: found.")


def compare(label: str, exercise: Exercise, answer: Callable[..., Any]) -> Verdict:
    """Call `answer` on the inputs of the exercise and compare what it returns with what it should."""
    inputs = exercise.inputs()
    expected = [exercise.expected(*arguments) for arguments in inputs]
    given = []
    for arguments, right in zip(inputs, expected):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = answer(*deepcopy(arguments))
        except (Exception, SystemExit) as error:
            where = _describe(exercise, arguments)
            return Verdict(False, f"✗ {label}: {where}, your function raised {type(error).__name__}: {_short(error)}")
        given.append(value)
        if not _missing(value) and (problem := _wrong_kind(value, right)):
            return Verdict(False, f"✗ {label}: {_describe(exercise, arguments)}, {problem}")
    if all(map(_missing, given)):
        return Verdict(False, f"○ {label}: not answered yet. Replace the dots and run the cell.")
    wrong = [i for i in range(len(inputs)) if not _agree(exercise, given[i : i + 1], expected[i : i + 1])]
    if not wrong:
        return Verdict(True, f"✓ {label}: right for all {len(inputs)} inputs.")
    where = _describe(exercise, inputs[wrong[0]])
    return Verdict(False, f"✗ {label}: wrong {where}. {_hint(exercise, inputs, given, expected, len(wrong))}")


def _hint(exercise: Exercise, inputs: Sequence[tuple], given: list, expected: list, wrong: int) -> str:
    if any(map(_missing, given)):
        return "There it returns nothing: is a return missing?"
    if any(np.any(np.isnan(_numbers(value))) for value in given):
        return "It is not a number for some input. Is there a 0/0, or the square root of a negative number?"
    for mistake, hint in exercise.mistakes:
        if _agree(exercise, given, [mistake(*arguments) for arguments in inputs]):
            return f"Hint: {hint}"
    for factor, name in (
        (2, "twice the right answer"),
        (0.5, "half of the right answer"),
        (-1, "right but for its sign"),
    ):
        if _agree(exercise, given, [factor * _numbers(right) for right in expected]):
            return f"Hint: everywhere it is {name}."
    if wrong < len(inputs):
        return f"It is right for {len(inputs) - wrong} of {len(inputs)} inputs. What is special about those?"
    return "It is not right for any input. Compare it with a case that you can compute by hand."


def _missing(value: Any) -> bool:
    return value is None or value is ...


def _short(message: Any) -> str:
    line = " ".join(str(message).split())
    return line if len(line) <= 80 else line[:79] + "…"


def _describe(exercise: Exercise, arguments: tuple) -> str:
    shown = (
        f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in zip(exercise.arguments, arguments)
        if isinstance(value, (int, float, tuple))
    )
    return "at " + (", ".join(shown) or "the inputs " + ", ".join(exercise.arguments))


def _numbers(value: Any) -> np.ndarray:
    if isinstance(value, Network):
        return np.concatenate([np.ravel(value.incoming), np.ravel(value.outgoing)])
    return np.asarray(value, dtype=float)


def _wrong_kind(value: Any, right: Any) -> str | None:
    """Say what is wrong with the type or the shape of an answer."""
    if isinstance(right, Network):
        if not isinstance(value, Network):
            return f"return a Network: yours is of type {type(value).__name__}."
        if value.incoming.shape != right.incoming.shape:
            return f"incoming must have shape {right.incoming.shape}, and yours has {tuple(value.incoming.shape)}."
        return None
    if isinstance(value, (str, bool, complex, np.complexfloating)):
        return f"return a real number: yours is {_short(repr(value))}."
    try:
        shape = _numbers(value).shape
    except (TypeError, ValueError):
        return f"return a number: yours is of type {type(value).__name__}."
    return f"return one number: yours is an array of shape {shape}." if shape else None


def _agree(exercise: Exercise, given: list, expected: list) -> bool:
    """Whether all answers are within the tolerance; an answer that is missing or of another shape is not."""
    for value, right in zip(given, expected):
        if _missing(value) or right is None:
            return False
        value, right = _numbers(value), _numbers(right)
        if value.shape != right.shape:
            return False
        if not np.all(np.abs(value - right) <= exercise.tolerance * np.max(np.abs(right), initial=1e-3)):
            return False
    return True
