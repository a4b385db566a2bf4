# Two commands do everything: `make book` and `make test`. `make help` lists the rest.

PYTHON ?= python3
TORCH ?=
VERSIONS ?= newest
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
SITE := _build/html
SOURCE := _build/source# the archive and the wheel that the site carries
RUN := _build/claims.json
BENCH := _build/benchmarks# peers of copyavg, in an environment of their own
TEST_CLAIMS := $(BIN)/pytest tests -q -m claim --record-claims -p no:cacheprovider
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
PACKAGE := $(shell find copyavg -name "*.py" -o -name "*.json")
SOURCES := _config.yml _toc.yml $(NOTEBOOKS) $(PACKAGE) $(wildcard experiments/data/*.json experiments/mutation/report.py tests/*.py) $(shell find book -type f -not -name "*.pyc")

# TORCH=cpu takes torch's CPU-only build, from the index that the Binder environment names.
ifeq ($(TORCH),cpu)
PIP_FLAGS := $(shell grep -h '^--extra-index-url' binder/requirements.txt)
endif

# Peers in benchmarks and notebooks run on one thread unless the caller says otherwise.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export PYDEVD_DISABLE_FILE_VALIDATION = 1

.PHONY: help book source claims html lab test nbval processors as-haswell as-generic check notebooks figures bench sweeps confirm mutation alone binder-test clean

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20
	@echo "  Add TORCH=cpu to the first call on Linux to avoid torch's GPU build (several GB)."

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; say make PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -r requirements.txt
	@touch $@

book: $(STAMP) claims source ## Test every claim, execute every notebook, build the site and say where it is.
	$(BIN)/jupyter-book build . --all -W -n --keep-going --quiet
	@touch $(SITE)/.complete
	@echo "The book is built. Open it with:  $(BIN)/python -m http.server --bind 127.0.0.1 --directory $(SITE) 8000"
	@echo "and visit http://127.0.0.1:8000, or open the file $(SITE)/index.html."

source: $(STAMP) ## Pack what the site carries of its source: an archive of the repository, and the wheel of copyavg.
	$(BIN)/python book/pack.py $(SOURCE)

claims: $(STAMP) ## Test every claim, and keep the verdicts and residuals that the pages show.
	$(TEST_CLAIMS)

$(RUN): $(STAMP) $(PACKAGE) $(wildcard book/claims.* tests/*.py) book/_ext/ledger.py requirements.txt
	$(TEST_CLAIMS)

html: $(STAMP) $(RUN) source ## While writing prose: render the committed outputs, executing nothing.
	cp _config.yml _build.config.yml && sed -i.bak 's/execute_notebooks: force/execute_notebooks: "off"/' _build.config.yml
	$(BIN)/jupyter-book build . --config _build.config.yml -W -n --keep-going --quiet; status=$$?; rm -f _build.config.yml*; exit $$status

lab: $(STAMP) ## Open the chapters in JupyterLab.
	$(BIN)/jupyter lab notebooks

test: $(STAMP) $(SITE)/.complete ## All tests: code, notebooks (nbval), the built site, in a browser if there is one.
	$(BIN)/pytest -n 2 --dist worksteal --durations=15 --durations-min=1
	$(MAKE) nbval

nbval: $(STAMP) ## Every notebook against its committed outputs.
	$(BIN)/pytest --nbval notebooks --no-header -q -n 2 --dist loadfile

processors: as-haswell as-generic ## Every notebook against its committed outputs, computed as two other x86 processors would.

as-haswell: $(STAMP)
	OPENBLAS_CORETYPE=Haswell NUMBA_CPU_NAME=haswell $(MAKE) nbval

as-generic: $(STAMP)
	OPENBLAS_CORETYPE=Nehalem NPY_DISABLE_CPU_FEATURES=X86_V3 NUMBA_CPU_NAME=generic $(MAKE) nbval

$(SITE)/.complete: $(STAMP) $(SOURCES)
	$(MAKE) book

check: $(STAMP) ## Under a minute: format, lint, fast tests.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pytest -q -m "not slow and not site"

notebooks: $(STAMP) ## Execute the notebooks in place, to commit their outputs.
	$(BIN)/python notebooks/refresh.py
	$(BIN)/ruff format --quiet notebooks

figures: $(STAMP) ## Redraw the figures that are committed as files; those of the explorables need Chromium.
	$(BIN)/python book/assets/hook.py
	$(BIN)/python book/pictures.py

$(BENCH)/.complete: experiments/benchmarks/requirements.txt pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -r experiments/benchmarks/requirements.txt
	@touch $@

bench: $(STAMP) $(BENCH)/.complete ## Time copyavg beside its peers, for the page Performance (ten minutes, on a quiet machine).
	$(BENCH)/bin/python experiments/benchmarks/landscape.py
	$(BENCH)/bin/python experiments/benchmarks/flow.py
	$(BIN)/python experiments/benchmarks/explorables.py

sweeps: $(STAMP) ## Follow gradient flow from thousands of starts, for copyavg/book/data (an hour on two cores; stop and go on as you like).
	$(BIN)/python experiments/sweeps/phase_diagram.py --audit
	$(BIN)/python experiments/sweeps/start_size.py --audit
	$(BIN)/python experiments/sweeps/relu.py --audit

confirm: $(STAMP) ## After a change that should not change what flow finds: find a sample of copyavg/book/data again (ten minutes).
	$(BIN)/python experiments/sweeps/confirm.py

mutation: $(STAMP) ## Do the tests notice a slip in a formula? For the page Mutation (half an hour; stop and go on as you like).
	$(BIN)/python experiments/mutation/run.py $(MODULES)

alone: source ## Run every chapter from the wheel, in an empty folder and environment (VERSIONS=newest, lowest or colab).
	$(PYTHON) notebooks/alone.py $(VERSIONS)

binder-test: ## Run every chapter in a fresh Binder environment, on one core and within 2 GB.
	$(PYTHON) notebooks/alone.py binder $(BINDER_FLAGS)

clean: ## Remove what was built; the environment stays.
	rm -rf _build
