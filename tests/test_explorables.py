"""The explorables' mathematics, in the browser, is that of copyavg; and Python knows what they do."""

import json
import re

import numpy as np
import pytest
import tables

from copyavg import Network, classify, copy_average_loss, gradient_flow, n_copy, orthonormal_teacher, random_student
from copyavg.activations.named import get_activation
from copyavg.book import explorables
from copyavg.book.explorables.bundle import FOLDER, SHARED, inline
from copyavg.interactions.geometry import order_parameters
from copyavg.interactions.pairs import pair_terms
from copyavg.landscape import gradient, hessian, loss
from copyavg.points.configurations import optimal_copy_average, partitions
from copyavg.points.stability import stability

MODULE = inline(
    'import { Branch } from "./branch.mjs";\n'
    'import { classify } from "./classification.mjs";\n'
    'import { Flow } from "./flow.mjs";\n'
    'import { ACTIVATIONS, copyAverage, copyAverageIndex, gradient } from "./landscape.mjs";\n'
    'import { bestIsSaddle, hessian, index } from "./landscape.mjs";\n'
    'import { Spectrum } from "./linear.mjs";\n'
    'import { bestCopyAverage, nCopy } from "./points.mjs";\n'
    "export { ACTIVATIONS, bestCopyAverage, bestIsSaddle, Branch, classify, copyAverage, copyAverageIndex };\n"
    "export { Flow, gradient, hessian, index, nCopy, Spectrum };\n"
)
ACTIVATIONS = ("erf", "relu")


def table(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


# What a page is asked to work out. A case is [n, k, activation, θ].
LANDSCAPE = """({ cases }) => cases.map(([n, k, name, theta]) => {
    const [start, force, activation] = [Float64Array.from(theta), new Float64Array(theta.length), m.ACTIVATIONS[name]];
    const loss = m.gradient(start, n, k, activation, force);
    const H = m.hessian(start, n, k, activation);
    return { loss, gradient: [...force], hessian: [...H], below: new m.Spectrum(H, theta.length).below(0) };
})"""
FLOWS = """({ cases }) => cases.map(([n, k, name, theta]) => {
    const flow = new m.Flow(Float64Array.from(theta), n, k, m.ACTIVATIONS[name]);
    while (!flow.done) flow.step();
    const found = m.classify(flow.theta, n, k, m.ACTIVATIONS[name]);
    return { loss: flow.loss, norm: flow.norm, reason: flow.reason, label: found.label, roles: found.roles,
             reducedTo: found.reducedTo, groups: found.groups, theta: [...flow.theta] };
})"""


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page()
    page.set_default_timeout(300_000)
    yield page
    page.close()


def work_out(page, question: str, cases: list, module: str = MODULE) -> list:
    """Let the page answer, with the module's exports as m."""
    return page.evaluate(
        f"""async (given) => {{
            const address = URL.createObjectURL(new Blob([given.module], {{ type: "text/javascript" }}));
            const m = await import(address);
            return ({question})(given);
        }}""",
        {"cases": cases, "module": module},
    )


def case(student: Network, k: int, activation: str) -> list:
    return [student.n, k, activation, student.to_vector().tolist()]


def student_of(n: int, theta: list) -> Network:
    return Network.from_vector(np.asarray(theta, dtype=float), n)


def random_cases(rng: np.random.Generator, count: int) -> list:
    """Students of one to six neurons, weights from a thousandth to a thousand."""
    cases = []
    for m in range(count):
        n, k = int(rng.integers(1, 7)), int(rng.integers(2, 9))
        student = random_student(n, k + int(rng.integers(0, 3)), rng)
        sizes = 10 ** rng.uniform(-3, 3, size=(2, n))
        if m % 2:
            sizes[:] = 1
        student = Network(student.incoming * sizes[0, :, None], student.outgoing * sizes[1])
        cases.append(case(student, k, ACTIVATIONS[m % 4 // 2]))
    return cases


def edges() -> list:
    """Neurons at w = 0, parallel, opposite, equal to a teacher's, and very long or short."""
    one, other = np.array([0.3, -0.4, 1.2]), np.array([1.0, 0.0, 0.0])
    rows = [
        (one, 2 * one), (one, -one), (other, other), (other, -2 * other), (0 * one, one), (0 * one, 0 * one),
        (1e6 * one, one), (1e-8 * one, one), (1e6 * one, 1e6 * one + other), (one, one + 1e-9 * other),
        (1e6 * other, other),
    ]  # fmt: skip
    return [case(Network(np.stack(pair), [1.5, -0.7]), 2, activation) for pair in rows for activation in ACTIVATIONS]


def deviations(cases: list, answers: list) -> np.ndarray:
    """How far the page's loss and gradient are from copyavg's, relative to the sums of their terms' sizes."""
    worst = []
    for (n, k, activation, theta), answer in zip(cases, answers):
        student = student_of(n, theta)
        teacher = orthonormal_teacher(k, student.d)
        w = np.concatenate([student.incoming, teacher.incoming])
        c = np.abs(np.concatenate([student.outgoing, teacher.outgoing]))
        terms = pair_terms(get_activation(activation), order_parameters(np, w, w), 1)
        value, own, cross = (np.abs(term) * c for term in terms[:3])
        size = np.linalg.norm(w, axis=1)
        by_outgoing = 2 * value.sum(axis=1)[:n]
        by_incoming = (2 * c * ((own.sum(axis=1) * size) + cross @ size))[:n, None] * np.ones(student.d)
        scale = np.concatenate([by_incoming.ravel(), by_outgoing])
        wanted = gradient(student, teacher, activation).to_vector()
        off = np.abs(np.asarray(answer["gradient"]) - wanted) / np.maximum(scale, 1e-300)
        worst.append(max(off.max(), abs(answer["loss"] - loss(student, teacher, activation)) / (c @ value.sum(axis=1))))
    return np.array(worst)


@pytest.mark.unchecked
class TestLandscape:
    def test_loss_and_gradient_of_a_thousand_students_and_at_the_edges(self, page, rng):
        cases = random_cases(rng, 1000) + edges()
        off = deviations(cases, work_out(page, LANDSCAPE, cases))
        assert off.max() <= 1e-12

    def test_hessian_and_its_index(self, page, rng):
        """At the edges second derivatives of nearly parallel neurons grow, and cancel: one digit fewer."""
        drawn = random_cases(rng, 1000)
        cases, bounds = drawn + edges(), [1e-10] * len(drawn) + [1e-9] * len(edges())
        for (n, k, activation, theta), answer, bound in zip(cases, work_out(page, LANDSCAPE, cases), bounds):
            student = student_of(n, theta)
            wanted = hessian(student, orthonormal_teacher(k, student.d), activation)
            got = np.reshape(answer["hessian"], wanted.shape)
            assert np.abs(got - wanted).max() <= bound * np.abs(wanted).max()
            values, close = np.linalg.eigvalsh(wanted), 1e-12 * np.abs(wanted).max() * len(wanted)
            assert np.sum(values < -close) <= answer["below"] <= np.sum(values < close)

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("const TWO_OVER_PI = 2 / Math.PI;", "const TWO_OVER_PI = 2.000001 / Math.PI;"),
            ("Math.sqrt(1 + q + s + v)", "Math.sqrt(1.000001 + q + s + v)"),
            ("(-out[1] * c) / (1 + q)", "(-out[1] * c) / (1.000001 + q)"),
            ("(sine + outside * c) / (2 * Math.PI)", "(sine + 1.000001 * outside * c) / (2 * Math.PI)"),
            ("sine / q / (2 * Math.PI)", "sine / q / (2.000001 * Math.PI)"),
            ("alone: (q) => [q / 2, 0.5, 0]", "alone: (q) => [q / 2, 0.5000001, 0]"),
            ("out[a + i] -= 2 * shared;", "out[a + i] -= 2.000001 * shared;"),
            ("teacher: (k) => k / 3", "teacher: (k) => k / 3.000001"),
        ],
    )
    def test_a_slip_of_a_millionth_would_be_seen(self, page, rng, before, after):
        assert MODULE.count(before) == 1 or "sqrt" in before
        cases = random_cases(rng, 40)
        assert deviations(cases, work_out(page, LANDSCAPE, cases, MODULE.replace(before, after))).max() > 1e-9


class TestPoints:
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize("k", [3, 7, 12])
    def test_losses_of_both_families_are_those_of_stability(self, page, activation, k):
        question = """({ cases }) => cases.map(([n, k, name]) => [
            m.bestCopyAverage(n, k, m.ACTIVATIONS[name]).loss, m.nCopy(n, k, m.ACTIVATIONS[name])?.loss])"""
        found = work_out(page, question, [[n, k, activation] for n in range(1, k)])
        for n, (average, copies) in enumerate(found, start=1):
            assert average == pytest.approx(stability(n, k, "copy-average", activation).loss, abs=1e-12)
            if n > 1:
                assert copies == pytest.approx(stability(n, k, "n-copy", activation).loss, abs=1e-12)

    @pytest.mark.parametrize(
        ("k", "ns"), [(3, (2,)), (20, (4, 15, 19)), (50, (10, 38)), (1000, (400, 999)), (10**5, (80_000,))]
    )
    def test_n_copy_at_any_size(self, page, k, ns):
        question = "({ cases }) => cases.map(([n, k]) => new m.Branch(k).at(n))"
        for n, found in zip(ns, work_out(page, question, [[n, k] for n in ns])):
            wanted = stability(n, k, "n-copy").loss
            assert found["loss"] == pytest.approx(wanted, rel=1e-9)

    def test_the_best_grouping_is_a_saddle_where_its_index_says_so(self, page):
        question = """({ cases }) => cases.map(([n, size]) => [
            m.bestIsSaddle(n, size), m.copyAverageIndex([...Array(n - 1).fill(1), size]) > 0])"""
        cases = [[n, k - n + 1] for k in (2, 7, 10, 50, 200) for n in range(1, k)]
        for saddle, by_index in work_out(page, question, cases):
            assert saddle == by_index
        edges = [[n, k - n + 1] for k, n in ((10, 9), (100, 93), (10**6, 999_103))]
        question = "({ cases }) => cases.map(([n, size]) => [m.bestIsSaddle(n - 1, size + 1), m.bestIsSaddle(n, size)])"
        assert work_out(page, question, edges) == [[False, True]] * 3

    def test_every_grouping_is_critical_and_has_the_index_of_the_theorem(self, page):
        question = """({ cases }) => cases.map((sizes) => {
            let first = 0;
            const groups = sizes.map((size) => Array.from({ length: size }, () => first++));
            const theta = m.copyAverage(groups, first + 1);
            const force = new Float64Array(theta.length);
            const loss = m.gradient(theta, sizes.length, first, m.ACTIVATIONS.erf, force);
            const index = m.index(theta, sizes.length, first, m.ACTIVATIONS.erf);
            return [loss, Math.max(...force.map(Math.abs)), index, m.copyAverageIndex(sizes)];
        })"""
        cases = [list(p) for k in (4, 7, 8) for n in range(1, k) for p in partitions(k, n)]
        for sizes, (value, norm, index, by_theorem) in zip(cases, work_out(page, question, cases)):
            assert value == pytest.approx(copy_average_loss(sizes), abs=1e-14)
            assert norm <= 1e-14
            assert index == by_theorem


class TestTables:
    """What explorables carry of long runs."""

    def test_counts_are_those_of_the_committed_sweeps(self):
        assert table("start-size") == json.loads(json.dumps(tables.start_size()))
        flow = {str(k): tables.ends_at_n_copy(k) for k in tables.SWEPT}
        assert table("every-size")["flow"] == json.loads(json.dumps(flow))

    def test_a_sample_of_the_thresholds(self, rng):
        rows = table("every-size")["thresholds"]
        assert [row[0] for row in rows] == [k for k in tables.KS if k in {row[0] for row in rows}]
        assert len(rows) >= len(tables.KS) - 5
        small = [row for row in rows if row[0] <= 400]
        for k, *three in [small[i] for i in rng.choice(len(small), size=4, replace=False)]:
            assert three == list(tables.three(k))

    def test_the_thresholds_are_those_of_the_code_as_it_is(self):
        assert table("every-size")["code"] == tables.code(), "run experiments/explorables/tables.py"


@pytest.mark.slow
class TestFlow:
    @pytest.mark.parametrize(
        ("n", "k", "activation", "count"),
        [
            (2, 3, "erf", 20),
            (7, 10, "erf", 20),
            (9, 10, "erf", 10),
            (3, 6, "relu", 10),
            (4, 6, "relu", 20),
        ],
    )
    def test_it_ends_where_copyavg_does(self, page, rng, residual, n, k, activation, count):
        """Where copyavg itself finds one limit at both accuracies; the others, and those without a limit, are few."""
        students, teacher = random_student(n, k + 1, rng, batch=count), orthonormal_teacher(k, k + 1)
        rough, fine = (gradient_flow(students, teacher, activation, accuracy=accuracy) for accuracy in (1e-5, 1e-7))
        sure = rough.converged & fine.converged & (np.abs(rough.loss - fine.loss) <= 1e-12)
        starts = [Network(students.incoming[i], students.outgoing[i]) for i in range(count)]
        answers = work_out(page, FLOWS, [case(start, k, activation) for start in starts])
        for i in np.flatnonzero(sure):
            assert answers[i]["reason"] == "converged"
            assert answers[i]["label"] == rough.label[i]
            assert answers[i]["loss"] == pytest.approx(rough.loss[i], abs=1e-10)
            assert answers[i]["norm"] <= 1e-13
        assert sure.sum() >= 0.7 * count

    @pytest.mark.parametrize(("n", "k", "activation", "count"), [(5, 10, "erf", 12), (4, 6, "relu", 20)])
    def test_labels_and_groups_are_those_of_classify(self, page, rng, n, k, activation, count):
        starts = [random_student(n, k + 1, rng) for _ in range(count)]
        for answer in work_out(page, FLOWS, [case(start, k, activation) for start in starts]):
            found = classify(student_of(n, answer["theta"]), orthonormal_teacher(k, k + 1), activation)
            assert answer["label"] == found.label
            assert answer["reducedTo"] == found.reduced_to
            if found.label != "other":
                assert [tuple(group) for group in answer["groups"]] == list(found.groups)
                assert tuple(answer["roles"]) == found.roles

    def test_known_points_have_their_labels_and_stay(self, page):
        for student, label in ((n_copy(8, 10), "n-copy"), (optimal_copy_average(3, 6), "copy-average")):
            (answer,) = work_out(page, FLOWS, [case(student, {8: 10, 3: 6}[student.n], "erf")])
            assert (answer["label"], answer["reason"]) == (label, "converged")


class TestModules:
    @pytest.mark.parametrize("name", explorables.NAMES)
    def test_size(self, name):
        assert (FOLDER / f"{name}.mjs").stat().st_size <= 30_000
        assert len(explorables.bundle(name).encode()) <= 60_000

    @pytest.mark.parametrize("name", explorables.NAMES)
    def test_it_asks_for_nothing_else(self, name):
        assert not re.search(r"\bimport\b|https?://(?!www\.w3\.org/2000/svg)|\bfetch\(", explorables.bundle(name))

    def test_an_unknown_one_is_named(self):
        with pytest.raises(ValueError, match="no explorable 'nothing'; there are copy-or-average"):
            explorables.bundle("nothing")

    def test_every_one_has_its_state_in_python(self):
        assert set(explorables.KINDS) == set(explorables.NAMES)
        assert not set(explorables.NAMES) & set(SHARED)

    @pytest.mark.parametrize("name", explorables.NAMES)
    def test_the_page_and_python_agree_on_the_state(self, page, name):
        given = page.evaluate(
            """async (module) => {
                const address = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
                const { default: it } = await import(address);
                return [it.defaults, it.settings];
            }""",
            explorables.bundle(name),
        )
        kind = explorables.KINDS[name]
        figure = kind()
        assert set(given[1]) == set(kind.chosen_names())
        assert given[0] == {trait: getattr(figure, trait) for trait in kind.class_trait_names(sync=True)}


@pytest.mark.bad_input
class TestState:
    def test_what_does_not_fit_is_named(self):
        with pytest.raises(TypeError, match="has no trait 'm' to choose; it has activation"):
            explorables.CopyOrAverage(m=3)
        with pytest.raises(Exception, match="n = 7 and k = 6"):
            explorables.CopyOrAverage(n=7, k=6)

    def test_outside_a_session_a_notebook_shows_the_place_where_it_is_mounted(self, monkeypatch):
        monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
        figure = explorables.CopyOrAverage(n=3, k=6)
        place = figure._repr_html_()
        assert 'data-explorable="copy-or-average"' in place
        state = json.loads(re.search(r'data-state="([^"]*)"', place)[1].replace("&quot;", '"'))
        assert state == figure.chosen()

    def test_in_a_session_it_is_a_widget_whose_student_can_be_taken_out(self, monkeypatch):
        monkeypatch.setenv("JPY_SESSION_NAME", "chapter.ipynb")
        widget = explorables.CopyOrAverage(n=1, k=2)
        assert widget._esm == explorables.bundle("copy-or-average")
        with pytest.raises(ValueError, match="has not been on show yet"):
            _ = widget.student
        widget.incoming, widget.outgoing = [[0.5, 0.5, 0.0]], [2.0]
        assert loss(widget.student, orthonormal_teacher(2, 3)) > 0
        assert repr(widget).startswith("<copy-or-average: ")

    def test_its_controls_and_its_traits_are_one(self, monkeypatch):
        monkeypatch.setenv("JPY_SESSION_NAME", "chapter.ipynb")
        widget = explorables.CopyOrAverage(n=3, k=6)
        controls, shown = widget.with_controls("n", "activation", "size", "playing").children
        n, activation, size, playing = controls.children
        n.value, activation.value, size.value, playing.value = 4, "relu", 2.5, True
        assert (widget.n, widget.activation, widget.size, widget.playing) == (4, "relu", 2.5, True)
        widget.n = 2
        assert n.value == 2
        assert shown is widget

    def test_groups_of_another_size_are_forgotten(self):
        figure = explorables.Groups(n=2, k=3, groups=[0, 1, 1])
        figure.k = 4
        assert figure.groups == []
        with pytest.raises(Exception, match="from 0, for each of the 4 teacher"):
            figure.groups = [0, 1, 2, 0]
