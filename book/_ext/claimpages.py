"""The ledger of claims on the pages: a certificate under each statement, the table of all claims, and the gates.

A certificate appears by itself below every statement and every labelled paragraph that is the anchor of a claim, so
no chapter can forget it, and a notebook opened elsewhere shows nothing of it. The build stops if a claim leads
nowhere, a statement has no claim, or the verdicts are missing or older than what they are about.
"""

import re
import sys

import ledger
from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

KINDS = {
    "known": "known from the literature",
    "paper": "the paper’s result",
    "derived here": "derived in this book",
    "observed": "observed in experiments",
    "open": "an open question",
}
COUNTS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
MARKS = {"holds": "✓", "open": "○"}
SCRIPT = "js/claims.js"


def number(value: float) -> str:
    """Two significant digits as TeX, with a power of ten where that is shorter."""
    plain, (mantissa, exponent) = f"{value:.2g}", f"{value:.1e}".split("e")
    if "e" not in plain:
        return plain
    mantissa = mantissa.removesuffix(".0")
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa}\cdot{power}"


def finding(route: ledger.Route, worst: float) -> str:
    """What was found on a route, beside its bound, in Markdown with TeX."""
    sign = r"\ge" if route.at_least else r"\le"
    return f"${number(worst)} {sign} {number(route.bound)}$" + (f" {route.unit}" if route.unit else "")


def inline(text: str) -> list[nodes.Node]:
    """Text with TeX between dollars, as nodes."""
    parts = re.split(r"\$([^$]+)\$", text)
    return [nodes.math(part, part) if odd % 2 else nodes.Text(part) for odd, part in enumerate(parts) if part]


def certificate(claim: ledger.Claim, verdict: ledger.Verdict) -> list[nodes.Node]:
    """The verdict with a link to the ledger, and what was found on each route beside its bound."""
    count = len(claim.routes)
    checked = f" · {COUNTS.get(count, count)} {'check' if count == 1 else 'checks'}" if count else ""
    head = nodes.paragraph(classes=["certificate-head"])
    head += nodes.strong("", f"{MARKS[verdict.word]} {verdict.word.title()}", classes=["verdict", verdict.word])
    head += nodes.Text(f" · {KINDS[claim.kind]}{checked} · ")
    head += addnodes.pending_xref(
        "", nodes.inline("", claim.id), refdomain="std", reftype="ref", reftarget=row(claim), refexplicit=True
    )
    ways = nodes.bullet_list(classes=["certificate-ways"])
    for route in claim.routes:
        found = inline(f" {finding(route, verdict.worst[route.name])}")
        ways += nodes.list_item("", nodes.paragraph("", "", nodes.strong("", route.name), *found))
    return [head, ways] if count else [head]


def row(claim: ledger.Claim) -> str:
    return f"claim-{claim.id}"


def add_certificates(app: Sphinx, document: nodes.document) -> None:
    """Below each statement and each labelled paragraph that is an anchor. Not below exercises: it would tell."""
    claims, verdicts = app.env.claims
    app.env.note_dependency(str(ledger.RUN))
    for node in list(document.findall(lambda node: isinstance(node, nodes.Element) and node["ids"])):
        made = [
            line
            for claim in claims.values()
            if claim.anchor in node["ids"]
            for line in certificate(claim, verdicts[claim.id])
        ]
        if made and (node.get("realtype") in ledger.STATEMENTS or isinstance(node, nodes.paragraph)):
            place = node
            while "cell" in getattr(follower(place), "attributes", {}).get("classes", ()):
                place = follower(place)  # the code cells that belong to a paragraph come first
            place.parent.insert(place.parent.index(place) + 1, nodes.container("", *made, classes=["certificate"]))


def follower(node: nodes.Node) -> nodes.Node | None:
    return node.next_node(descend=False, siblings=True, ascend=False)


class Claims(SphinxDirective):
    """The table of all claims. A script adds the filters; without it, or on paper, all rows are there."""

    def run(self) -> list[nodes.Node]:
        claims, verdicts = self.env.claims
        self.env.note_dependency(str(ledger.RUN))
        head = nodes.thead("", nodes.row("", *map(self.entry, ("Claim", "Kind", "Verdict", "Checks: found ≤ allowed"))))
        body = nodes.tbody("", *(self.row(claim, verdicts[claim.id]) for claim in claims.values()))
        columns = [nodes.colspec(colwidth=width) for width in (45, 10, 10, 35)]
        group = nodes.tgroup("", *columns, head, body, cols=4)
        return [nodes.table("", group, classes=["claims"])]

    def row(self, claim: ledger.Claim, verdict: ledger.Verdict) -> nodes.row:
        self.env.get_domain("std").note_hyperlink_target(row(claim), self.env.docname, row(claim), claim.id)
        # The id is a word that can be linked to and searched for; the anchor is resolved when all pages are known.
        where = addnodes.pending_xref(
            "", nodes.inline("", claim.anchor), reftype="claim-anchor", reftarget=claim.id, refdomain=""
        )
        first = self.entry(f"{claim.statement}\n\n{claim.assumptions}")
        first.children[-1]["classes"].append("claim-assumes")
        first += nodes.paragraph("", "", nodes.literal("", claim.id), nodes.Text(" · "), where, classes=["claim-where"])
        ways = [f"- **{way.name}**: {way.residual}, {finding(way, verdict.worst[way.name])}" for way in claim.routes]
        word = nodes.entry("", nodes.paragraph("", f"{MARKS[verdict.word]} {verdict.word}"))
        word["classes"] = ["verdict", verdict.word]
        return nodes.row(
            "", first, self.entry(claim.kind), word, self.entry("\n".join(ways) or "not yet"), ids=[row(claim)]
        )

    def entry(self, text: str) -> nodes.entry:
        entry = nodes.entry()
        self.state.nested_parse(StringList(text.splitlines(), "book/claims.yml"), self.content_offset, entry)
        return entry


def read_ledger(app: Sphinx, env: BuildEnvironment, *_: object) -> None:
    try:
        claims = ledger.load(ledger.LEDGER)
        env.claims = claims, ledger.read(claims, ledger.RUN, ledger.ROOT)
    except ledger.LedgerError as error:
        stop(error)


def check_pages(app: Sphinx, env: BuildEnvironment) -> None:
    """When all pages have been read: collect anchors and statements, and let the ledger judge."""
    claims, _ = env.claims
    wanted = {claim.anchor for claim in claims.values()}
    env.claim_anchors = {}
    for page in sorted(env.found_docs):
        for node in env.get_doctree(page).findall(nodes.Element):
            for anchor in wanted.intersection(node.get("ids", ())):
                env.claim_anchors.setdefault(anchor, {})[page] = section_of(node)
    statements = {label: (entry["realtype"], entry["docname"]) for label, entry in env.proof_list.items()}
    anchors = {anchor: list(pages) for anchor, pages in env.claim_anchors.items()}
    try:
        ledger.check_pages(claims, statements, anchors)
    except ledger.LedgerError as error:
        stop(error)


def stop(error: ledger.LedgerError) -> None:
    """End the build with sentences: an exception would reach the reader as three tracebacks."""
    sys.exit(f"\nThe book was not built: its ledger of claims is not in order.\n{error}\n")


def section_of(node: nodes.Element) -> tuple[str, str]:
    """The section that a node is in: its id and its title."""
    while not isinstance(node, nodes.section):
        node = node.parent
    return node["ids"][0], node.next_node(nodes.title).astext()


def resolve_anchor(app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, _: nodes.Node) -> nodes.Node | None:
    """A link to the place of a claim, named as it is there: Theorem 2.1, or its section."""
    if node["reftype"] != "claim-anchor":
        return None
    anchor = env.claims[0][node["reftarget"]].anchor
    ((page, (section, title)),) = env.claim_anchors[anchor].items()
    if numbers := env.toc_secnumbers.get(page, {}).get(f"#{section}"):
        title = f"{'.'.join(map(str, numbers))} {title}"
    for kind, numbers in env.toc_fignumbers.get(page, {}).items():
        if anchor in numbers:
            realtype = env.proof_list.get(anchor, {}).get("realtype", kind)
            title = f"{realtype.title()} {'.'.join(map(str, numbers[anchor]))}"
    return make_refnode(app.builder, node["refdoc"], page, anchor, nodes.inline("", title))


def add_script(app: Sphinx, page: str, template: str, context: dict, document: nodes.document | None) -> None:
    if document is not None and document.next_node(
        lambda node: isinstance(node, nodes.table) and "claims" in node["classes"]
    ):
        app.add_js_file(SCRIPT, loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("claims", Claims)
    app.connect("env-before-read-docs", read_ledger)
    app.connect("doctree-read", add_certificates)
    app.connect("env-updated", check_pages)
    app.connect("missing-reference", resolve_anchor)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
