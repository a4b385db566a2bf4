"""Exercises that check themselves: the reader answers, and `check` says whether it is right, or gives a hint.

Every exercise of the chapters that asks for a function or for a state of a figure is defined here, once, one file a
chapter: what the function is given, what `copyavg` says it should return, and what a typical mistake returns instead.
Nothing is typed as a number.
"""

from typing import Any

from . import copy_average, gradient_flow, one_neuron, optimal_configuration, relu, teacher_setup
from .checking import Exercise, Search, Verdict, compare, look_at

CHAPTERS = (teacher_setup, copy_average, optimal_configuration, one_neuron, gradient_flow, relu)
EXERCISES: dict[str, Exercise] = {
    label: exercise for chapter in CHAPTERS for label, exercise in chapter.EXERCISES.items()
}


SEARCHES: dict[str, Search] = {
    label: search for chapter in CHAPTERS for label, search in getattr(chapter, "SEARCHES", {}).items()
}


def check(label: str, answer: Any) -> Verdict:
    """Return whether `answer` solves the exercise, and a hint if it does not.

    A function is called on a few inputs and compared with `copyavg`. A figure that computes in the page is looked at as
    the reader has left it. Whatever the answer does, the reader gets one line and no traceback.

    Parameters
    ----------
    label : str
        The label of the exercise, such as "ex-one-copy".
    answer : callable or Explorable
        The reader's function, or the figure.

    Returns
    -------
    Verdict
        `.passed`, and `.message`, which is how it prints.

    Examples
    --------
    >>> check("ex-one-copy", lambda k: (k - 1) / 3)
    ✓ ex-one-copy: right for all 6 inputs.
    >>> check("ex-one-copy", lambda k: (k - 1) / 6)
    ✗ ex-one-copy: wrong at k = 2. Hint: that is half of it. The loss of this book has no factor ½.
    """
    if isinstance(label, str) and label in SEARCHES:
        return look_at(label, SEARCHES[label], answer)
    if not isinstance(label, str) or label not in EXERCISES:
        return Verdict(False, f"✗ There is no exercise {label!r}. There are: {', '.join([*EXERCISES, *SEARCHES])}.")
    if not callable(answer):
        return Verdict(False, f"✗ {label}: give the function itself, by its name and without brackets.")
    return compare(label, EXERCISES[label], answer)
