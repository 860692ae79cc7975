# Two commands on a fresh machine with Python >= 3.11, git and make: `make demo`, `make test`.
# uv makes the installation take seconds where it can be had; plain pip works too.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EXTRAS ?= dev

.PHONY: demo test test-slow lint format cards docs pages performance clean

# The stamp is renewed when the dependencies change; an interrupted installation is done again.
$(VENV)/.installed-%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "genesis_hub needs Python 3.11 or newer; try: make PYTHON=python3.12 demo"; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
		test -x $(BIN)/python || uv venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV); \
		uv pip install --quiet --python $(BIN)/python -e '.$(if $(filter $*,base),,[$*])'; \
	else \
		test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.$(if $(filter $*,base),,[$*])'; \
	fi
	@touch $@

demo: $(VENV)/.installed-medical
	$(BIN)/genesis-hub demo

test: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

cards: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python -m training.mini --refresh
	$(BIN)/python -m genesis_hub.write_cards model_cards

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

pages: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python -m tests.pages

performance: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist site *.egg-info
