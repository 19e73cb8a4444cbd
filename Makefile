# The two commands: `make demo` shows a photograph move, `make test` runs the whole suite.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SOURCE  ?=
DRIVING ?=
PYTHONS ?= 3.10 3.11 3.12 3.13

# The JavaScript's linter, in the version that its rules are written for; it needs Node and nothing else.
define biome
if command -v npx >/dev/null; then cd motionkit/frontend && npx --yes @biomejs/biome@2.6.8 $(1) --error-on-warnings .; \
else echo "Skipped the JavaScript and the style sheets: Node (npx) is not installed."; fi
endef

.PHONY: demo heads test robustness fuzz soak audit cluster pythons browser colab notebooks wheel docs lint format clean

# Installed once, and again whenever what is installed changes.
$(VENV)/.installed: pyproject.toml setup.py requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else "motionkit needs Python 3.10 or later, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/python notebooks/run.py animate source='$(SOURCE)' driving='$(DRIVING)' output=output/demo

# The embedded weights anew, from rendering to the card's figures, into output/heads; goes on where it was stopped.
MINUTES ?= 130
heads: $(VENV)/.installed
	$(BIN)/python weights/recipe/make_heads.py output/heads --minutes $(MINUTES)

# One process a core, each with one thread, a file of tests in one of them; then those that need the machine to themselves.
test: $(VENV)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m "not colab and not alone and not robustness"
	$(BIN)/python -m pytest -m "alone and not robustness"

# Everything that people may give it, at length: all faults, more examples of what is drawn at random, mutated files,
# kills. The table of docs/robustness.md is printed and written into output/robustness.md.
robustness: $(VENV)/.installed
	MOTIONKIT_ROBUSTNESS=output/robustness.md MOTIONKIT_EXAMPLES=1000 $(BIN)/python -m pytest tests/robustness

# Each reader that was written here, under atheris, for so many seconds; what fails is kept in output/fuzz.
SECONDS ?= 600
fuzz: $(VENV)/.installed
	$(BIN)/python -m tests.robustness.fuzz --seconds $(SECONDS)

# Memory, handles and threads over 2,000 animations, and over as many live frames as a camera sends in two hours.
soak: $(VENV)/.installed
	$(BIN)/python -m tests.robustness.soak

# Known weaknesses of the packages that are installed; an error too where their list cannot be reached.
audit: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/python -m pip_audit --strict --local --skip-editable

# Multiply on a Ray cluster of two nodes on this machine, of which a worker and a node are killed; Ray is installed first.
cluster: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[ray]'
	$(BIN)/python -m pytest tests/data/test_multiplication_ray.py

# The quick suite on each of these Pythons that is here; for each the outcome is printed: passed, failed or not here.
# The first run installs each into a .venv-3.X of its own: a download of up to 3 GB a version (torch), 7 GB on the disk.
pythons:
	$(PYTHON) tests/pythons.py $(PYTHONS)

# JupyterLab in Chromium; screenshots are kept in output/browser.
browser: $(VENV)/.installed
	$(BIN)/python -m pytest tests/browser

# Every notebook and the panel on Colab's Python and versions of packages, which are installed into .colab the first
# time: a download of 3 GB (torch), 7 GB on the disk. Python 3.13 has to be here.
colab: .colab/.installed
	MOTIONKIT_ARTEFACTS=output/colab $(BIN)/python -m pytest tests/colab

.colab/.installed: $(wildcard tests/colab/*.txt tests/colab/stand_in/google/colab/*.py) tests/colab/build.py | $(VENV)/.installed
	$(BIN)/python -m tests.colab.build .colab
	touch $@

# The cells that notebooks share, then their rendered copies in docs/notebooks.
notebooks: $(VENV)/.installed
	$(BIN)/python notebooks/shared.py
	$(BIN)/python notebooks/render.py

# One file that pip installs anywhere, the weights inside: docs/cookbook/colab.md. It needs no more than pip; what is left
# in build of an earlier one would get into it.
wheel:
	rm -rf build dist/motionkit-*.whl
	$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	rm -rf build
	@ls dist/motionkit-*.whl

# The site, into output/site; a broken link or a page outside the menu is an error.
docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict -f docs/site/mkdocs.yml
	@echo "output/site/index.html"

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/nbstripout --verify notebooks/*.ipynb
	@$(call biome,check)

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout notebooks/*.ipynb
	@$(call biome,check --write)

clean:
	rm -rf $(VENV) .venv-3.* .colab build dist *.egg-info output
