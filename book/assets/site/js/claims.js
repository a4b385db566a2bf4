// Filters above the table of claims. Without this script the table is simply complete.
const table = document.querySelector("table.claims");
const rows = [...table.tBodies[0].rows];
const KIND = 1, VERDICT = 2; // columns

const word = (row, column) => row.cells[column].textContent.replace(/[✓○]/g, "").trim();

function select(name, column) {
  const label = document.createElement("label");
  const menu = document.createElement("select");
  const words = [...new Set(rows.map((row) => word(row, column)))];
  menu.append(new Option("all", ""), ...words.map((each) => new Option(each)));
  menu.addEventListener("change", show);
  menu.matches = (row) => !menu.value || word(row, column) === menu.value;
  label.append(name, menu);
  return { label, menu };
}

const menus = [select("Kind", KIND), select("Verdict", VERDICT)];
const count = document.createElement("output");

function show() {
  for (const row of rows) row.hidden = !menus.every(({ menu }) => menu.matches(row));
  const shown = rows.filter((row) => !row.hidden).length;
  count.textContent = shown === rows.length ? `${shown} claims` : `${shown} of ${rows.length} claims`;
}

// A link to a claim that is filtered away brings all claims back.
function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  if (!target?.hidden) return;
  for (const { menu } of menus) menu.value = "";
  show();
  target.scrollIntoView();
}

const filters = document.createElement("form");
filters.className = "claims-filters";
filters.setAttribute("aria-label", "Filter the claims");
filters.append(...menus.map(({ label }) => label), count);
filters.addEventListener("submit", (event) => event.preventDefault());
(table.closest(".pst-scrollable-table-container") ?? table).before(filters);
addEventListener("hashchange", reveal);
show();
