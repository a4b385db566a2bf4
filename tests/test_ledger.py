"""The gates of the ledger of claims: each of them goes red, and says what to do."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import ledger
import pytest
import yaml

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
ENTRY = {
    "id": "sum",
    "statement": "$1 + 1 = 2$.",
    "kind": "derived here",
    "assumptions": "whole numbers",
    "anchor": "thm-sum",
    "tests": ["tests/test_sum.py::test_sum"],
    "routes": {"fingers": {"residual": "distance from two", "at_most": 1e-13}},
}
OPEN = {"id": "goldbach", "statement": "?", "kind": "open", "assumptions": "none", "anchor": "goldbach"}


def loaded(tmp_path: Path, *entries: dict) -> dict[str, ledger.Claim]:
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump(list(entries)), encoding="utf-8")
    return ledger.load(path)


@pytest.fixture
def claims(tmp_path) -> dict[str, ledger.Claim]:
    return loaded(tmp_path, ENTRY, OPEN)


PASSED, FOUND = {"tests/test_sum.py::test_sum[1]": "passed"}, {("sum", "fingers"): 1e-16}


class TestTheFile:
    def test_the_ledger_of_the_book_is_in_order(self):
        assert ledger.load(ledger.LEDGER)

    def test_one_e_minus_thirteen_is_a_number(self, tmp_path):
        """YAML 1.1 would read it as a word."""
        (tmp_path / "claims.yml").write_text(json.dumps([ENTRY]), encoding="utf-8")
        assert ledger.load(tmp_path / "claims.yml")["sum"].route("fingers").bound == 1e-13

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"kind": "true"}, "claim sum / kind: 'true' is not one of"),
            ({"anchor": ""}, "claim sum / anchor"),
            ({"proof": "easy"}, "claim sum: Additional properties are not allowed .'proof' was unexpected"),
            ({"tests": ["test_sum"]}, "claim sum / tests / 0"),
            ({"routes": {"fingers": {"residual": "r"}}}, "claim sum / routes / fingers"),
            (
                {"routes": {"fingers": {"residual": "r", "at_most": "small"}}},
                "fingers / at_most: 'small' is not of type",
            ),
            ({"tests": []}, "Claim sum has no test: give it `tests` and `routes` in claims.yml, or say `kind: open`"),
            ({"routes": None}, "claim sum / routes"),
        ],
    )
    def test_an_entry_that_is_wrong_is_named(self, tmp_path, change, message):
        with pytest.raises(ledger.LedgerError, match=message):
            loaded(tmp_path, {**ENTRY, **change})

    def test_a_claim_without_routes_is_not_tested(self, tmp_path):
        with pytest.raises(ledger.LedgerError, match="Claim sum has no test"):
            loaded(tmp_path, {key: value for key, value in ENTRY.items() if key != "routes"})

    def test_an_id_stands_once(self, tmp_path):
        with pytest.raises(ledger.LedgerError, match="Claim sum stands twice in claims.yml"):
            loaded(tmp_path, ENTRY, ENTRY)


class TestTheVerdict:
    def test_it_holds_or_is_open(self, claims):
        verdicts = ledger.judge(claims, PASSED, FOUND)
        assert verdicts["sum"] == ledger.Verdict("holds", {"fingers": 1e-16})
        assert verdicts["goldbach"] == ledger.Verdict("open", {})

    @pytest.mark.parametrize(
        ("outcomes", "residuals", "message"),
        [
            ({}, FOUND, "its test tests/test_sum.py::test_sum did not run. Mend its name"),
            ({"tests/test_sum.py::test_sum_of_many": "passed"}, FOUND, "did not run"),
            ({"tests/test_sum.py::test_sum[1]": "skipped"}, FOUND, r"test_sum\[1\] skipped. See why with: pytest"),
            ({**PASSED, "tests/test_sum.py::test_sum[2]": "failed"}, FOUND, r"test_sum\[2\] failed. See"),
            (dict.fromkeys(["tests/test_sum.py::test_sum[2]", *PASSED], "failed"), FOUND, "and 1 more of its cases"),
            (PASSED, {}, 'no test recorded a residual on its route "fingers"'),
            (PASSED, {("sum", "fingers"): 2e-13}, 'on its route "fingers" 2e-13 is on the wrong side of 1e-13'),
            (PASSED, {("sum", "fingers"): float("nan")}, "nan is on the wrong side"),
        ],
    )
    def test_every_shortcoming_is_red(self, claims, outcomes, residuals, message):
        with pytest.raises(ledger.LedgerError, match=f"Claim sum: .*{message}"):
            ledger.judge(claims, outcomes, residuals)

    def test_it_is_read_from_a_run_on_the_present_sources(self, claims, tmp_path):
        run = tmp_path / "_build/claims.json"
        with pytest.raises(ledger.LedgerError, match="have not been tested yet: run `make claims`"):
            ledger.read(claims, run, tmp_path)
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests/test_sum.py").write_text("assert 1 + 1 == 2  # first")
        ledger.write(PASSED, FOUND, run, tmp_path)
        assert ledger.read(claims, run, tmp_path)["sum"].word == "holds"
        (tmp_path / "tests/test_sum.py").write_text("assert 1 + 1 == 2.0")
        with pytest.raises(ledger.LedgerError, match="have changed since the claims were tested: run `make claims`"):
            ledger.read(claims, run, tmp_path)

    @pytest.mark.parametrize("changed", ["book/claims.yml", "copyavg/network.py", "tests/conftest.py"])
    def test_what_it_depends_on(self, tmp_path, changed):
        for name in ("book/claims.yml", "copyavg/network.py", "tests/conftest.py", "requirements.txt"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
        before = ledger.fingerprint(tmp_path)
        assert before == ledger.fingerprint(tmp_path)
        (tmp_path / changed).write_text("changed")
        assert before != ledger.fingerprint(tmp_path)


class TestThePages:
    STATEMENTS = {"thm-sum": ("theorem", "one"), "def-sum": ("definition", "one")}
    ANCHORS = {"thm-sum": ["one"], "goldbach": ["two"]}

    def test_all_is_in_order(self, claims):
        ledger.check_pages(claims, self.STATEMENTS, self.ANCHORS)

    @pytest.mark.parametrize("kind", ledger.STATEMENTS)
    def test_a_statement_needs_a_claim(self, claims, kind):
        with pytest.raises(ledger.LedgerError, match=f"two: the {kind} new-label has no claim. Give it a `:label:`"):
            ledger.check_pages(claims, {**self.STATEMENTS, "new-label": (kind, "two")}, self.ANCHORS)

    @pytest.mark.parametrize(
        ("pages", "message"), [([], "no page has its anchor thm-sum"), (["one", "two"], "on several pages, one, two")]
    )
    def test_a_claim_leads_to_one_place(self, claims, pages, message):
        with pytest.raises(ledger.LedgerError, match=f"Claim sum: .*{message}"):
            ledger.check_pages(claims, self.STATEMENTS, {**self.ANCHORS, "thm-sum": pages})


@pytest.mark.slow
class TestTheRecorder:
    """A session of pytest inside this one, whose ledger has the claims `sum` and `goldbach`."""

    @pytest.fixture
    def session(self, pytester, monkeypatch):
        tests = pytester.mkdir("tests")
        recorder = (ROOT / "tests/conftest.py").read_text(encoding="utf-8").partition("from recorder import (")[2]
        (tests / "conftest.py").write_text(f"from recorder import ({recorder.partition(')')[0]})\n", encoding="utf-8")
        pytester.makeini("[pytest]\nmarkers = claim: its claims\n")
        entries = pytester.path / "claims.yml"
        entries.write_text(yaml.safe_dump([ENTRY, OPEN]), encoding="utf-8")
        monkeypatch.setattr(ledger, "LEDGER", entries)
        monkeypatch.setattr(ledger, "RUN", pytester.path / "_build/claims.json")
        monkeypatch.setattr(ledger, "ROOT", pytester.path)

        def run(test: str, *options: str) -> pytest.RunResult:
            (tests / "test_sum.py").write_text(f"import pytest\n{test}\n", encoding="utf-8")
            return pytester.runpytest_inprocess("tests", "-p", "no:cacheprovider", *options)

        return run

    GOOD = '@pytest.mark.claim("sum")\ndef test_sum(residual):\n    residual("sum", "fingers", 0)\n    '

    def test_a_run_in_order_is_kept_and_the_worst_residual_counts(self, session):
        result = session(
            self.GOOD + 'residual("sum", "fingers", 2e-14); residual("sum", "fingers", 1e-14)', "--record-claims"
        )
        assert result.ret == 0
        claims = ledger.load(ledger.LEDGER)
        assert ledger.read(claims, ledger.RUN, ledger.ROOT)["sum"].worst == {"fingers": 2e-14}

    @pytest.mark.parametrize(
        ("test", "message"),
        [
            (GOOD + 'residual("sum", "fingers", 2e-13)', "*✗ sum, fingers ≤ 1e-13 fails: it is 2e-13*"),
            (GOOD + 'residual("sum", "toes", 0)', '*Claim sum has no route "toes" in *; it has "fingers"*'),
            (GOOD + 'residual("goldbach", "fingers", 0)', '*mark this test with @pytest.mark.claim("goldbach")*'),
            (GOOD + "pytest.skip()", "Claim sum: its test tests/test_sum.py::test_sum skipped.*"),
            (GOOD + "raise OSError", "Claim sum: its test tests/test_sum.py::test_sum failed.*"),
            (
                '@pytest.mark.claim("sum")\ndef test_sum(): pass',
                "*the test passed and recorded no residual for sum*",
            ),
            ("def test_sum(): pass", "Claim sum: its test tests/test_sum.py::test_sum did not run.*"),
        ],
    )  # fmt: skip
    def test_a_test_that_does_not_do_its_duty_is_red_and_leaves_no_verdict(self, session, test, message):
        result = session(test, "--record-claims")
        assert result.ret == 1
        result.stdout.fnmatch_lines([message])
        assert not ledger.RUN.exists()

    @pytest.mark.parametrize(
        ("test", "message"),
        [
            (
                '@pytest.mark.claim("summ")\ndef test_sum(): pass',
                "*test_sum is marked with the claim summ, which book/claims.yml does not have.*",
            ),
            (
                GOOD + '\n\n@pytest.mark.claim("sum")\ndef test_more(): pass',
                "*Claim sum does not name tests/test_sum.py::test_more: add it to its `tests` in book/claims.yml.*",
            ),
        ],
    )
    def test_a_mark_that_the_ledger_does_not_know_is_red_in_every_run(self, session, test, message):
        result = session(test)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([message])

    def test_a_ledger_that_is_wrong_is_said_in_a_sentence(self, session):
        ledger.LEDGER.write_text(yaml.safe_dump([{**ENTRY, "kind": "true"}]), encoding="utf-8")
        result = session(self.GOOD)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*claims.yml, claim sum / kind: 'true' is not one of*"])


@pytest.mark.slow
class TestTheBuild:
    """A book of two pages, built with the extension of this one."""

    CHAPTER = "# One\n\n```{prf:theorem}\n:label: thm-sum\n\n$1 + 1 = 2$.\n```\n\nThen.\n\n(goldbach)=\nWho knows?\n"
    CONFIG = {
        "title": "Sums",
        "execute": {"execute_notebooks": "off"},
        "sphinx": {
            "extra_extensions": ["sphinx_proof"],
            "local_extensions": {"claimpages": "book/_ext"},
            "config": {"html_theme_options": {}},
        },
    }

    @pytest.fixture
    def build(self, tmp_path):
        shutil.copytree(ROOT / "book/_ext", tmp_path / "book/_ext", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(ROOT / "book/claims.schema.json", tmp_path / "book/claims.schema.json")
        (tmp_path / "book/claims.yml").write_text(yaml.safe_dump([ENTRY, OPEN]), encoding="utf-8")
        (tmp_path / "_config.yml").write_text(yaml.safe_dump(self.CONFIG), encoding="utf-8")
        (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: one\nchapters:\n- file: book/claims\n")
        (tmp_path / "book/claims.md").write_text("# Claims\n\n```{claims}\n```\n")
        run = tmp_path / "_build/claims.json"
        ledger.write(PASSED, FOUND, run, tmp_path)

        def build(chapter: str) -> subprocess.CompletedProcess:
            (tmp_path / "one.md").write_text(chapter, encoding="utf-8")
            return subprocess.run(
                [Path(sys.executable).parent / "jupyter-book", "build", tmp_path, "-W", "--keep-going"],
                capture_output=True,
                text=True,
            )

        build.run = run
        return build

    def test_certificates_appear_by_themselves(self, build, tmp_path):
        result = build(self.CHAPTER)
        assert result.returncode == 0, result.stderr
        page = (tmp_path / "_build/html/one.html").read_text(encoding="utf-8")
        assert page.index("✓ Holds") < page.index("Then.") < page.index("Who knows?") < page.index("○ Open")
        assert r"1\cdot10" not in page
        assert r"10^{-16} \le 10^{-13}" in page
        assert 'href="one.html#thm-sum"' in (tmp_path / "_build/html/book/claims.html").read_text().replace("../", "")

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("thm-sum", "thm-som", "Claim sum: no page has its anchor thm-sum."),
            ("Then.", "```{prf:lemma}\n:label: lem-new\n\nNew.\n```\n", "one: the lemma lem-new has no claim."),
            ("Then.", "```{prf:lemma}\nNew.\n```\n", "has no claim. Give it a `:label:`"),
        ],
        ids=["a dead anchor", "a lemma without a claim", "a lemma without a label"],
    )
    def test_it_stops_with_a_sentence(self, build, old, new, message):
        self.must_stop(build(self.CHAPTER.replace(old, new)), message)

    def test_it_stops_without_verdicts(self, build):
        build.run.unlink()
        self.must_stop(build(self.CHAPTER), "The claims have not been tested yet: run `make claims`.")

    def test_it_stops_at_stale_verdicts(self, build, tmp_path):
        (tmp_path / "requirements.txt").write_text("new")
        self.must_stop(build(self.CHAPTER), "have changed since the claims were tested: run `make claims`.")

    def must_stop(self, result: subprocess.CompletedProcess, message: str) -> None:
        assert result.returncode != 0
        assert message in result.stderr
        assert "Traceback" not in result.stdout + result.stderr
