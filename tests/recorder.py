"""What a test of a claim does beyond passing: it records how far from true the claim was found to be.

    @pytest.mark.claim("linear-parts")
    def test_linear_parts(residual):
        residual("linear-parts", "quadrature", 3e-16)

`residual` asserts the bound that book/claims.yml gives for this route, and keeps the worst value. With
`--record-claims` the session ends by writing what it found, for the pages of the book, if every claim is in order.
`conftest.py` imports everything here.
"""

from collections.abc import Callable

import ledger
import pytest

from copyavg.book.check import Certificate

OUTCOMES, WORST = pytest.StashKey[dict[str, str]](), pytest.StashKey[dict[tuple[str, str], float]]()
CLAIMS = pytest.StashKey[dict[str, ledger.Claim]]()
RECORDED = pytest.StashKey[set[str]]()


def claimed(item: pytest.Item) -> list[str]:
    return [claim for mark in item.iter_markers("claim") for claim in mark.args]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-claims", action="store_true", help="keep what the tests of claims found, for the book")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[OUTCOMES], config.stash[WORST] = {}, {}
    try:
        config.stash[CLAIMS] = ledger.load(ledger.LEDGER)
    except ledger.LedgerError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test may be marked only with claims of the ledger that name it."""
    claims, problems = config.stash[CLAIMS], []
    for item in items:
        for claim in claimed(item):
            if claim not in claims:
                problems.append(f"{item.nodeid} is marked with the claim {claim}, which book/claims.yml does not have.")
            elif not claims[claim].names(item.nodeid):
                problems.append(f"Claim {claim} does not name {item.nodeid}: add it to its `tests` in book/claims.yml.")
    if problems:
        raise pytest.UsageError(*problems)


@pytest.fixture
def residual(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Assert that a value keeps the bound of its claim's route, and keep the worst value."""
    config, item = request.config, request.node
    item.stash[RECORDED] = set()

    def record(claim: str, route: str, value: float) -> None:
        assert claim in claimed(item), f'mark this test with @pytest.mark.claim("{claim}")'
        bounded = config.stash[CLAIMS][claim].route(route)
        value = Certificate(f"{claim}, {route}", float(value), bounded.bound, bounded.at_least).residual
        worst, choose = config.stash[WORST], min if bounded.at_least else max
        worst[claim, route] = choose(worst.get((claim, route), value), value)
        item.stash[RECORDED].add(claim)

    return record


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object:
    """A test of a claim that passes and records nothing is an error."""
    result = yield
    silent = set(claimed(pyfuncitem)) - pyfuncitem.stash.get(RECORDED, set())
    if silent:
        pytest.fail(f"the test passed and recorded no residual for {', '.join(sorted(silent))}", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> object:
    report = yield
    outcomes = item.config.stash[OUTCOMES]
    if claimed(item) and outcomes.get(item.nodeid, "passed") == "passed":
        outcomes[item.nodeid] = report.outcome
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    if config.option.record_claims and exitstatus != pytest.ExitCode.USAGE_ERROR:
        outcomes, worst = config.stash[OUTCOMES], config.stash[WORST]
        ledger.RUN.unlink(missing_ok=True)
        try:
            ledger.judge(config.stash[CLAIMS], outcomes, worst)
        except ledger.LedgerError as error:
            config.get_terminal_writer().write(f"\n\n{error}\n", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        else:
            ledger.write(outcomes, worst, ledger.RUN, ledger.ROOT)
