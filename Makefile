# Every target does all it needs on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH := $(VENV)/.bench
PANELS := forecast classify texts label transcribe
NATIVE := CMakeLists.txt $(wildcard native/src/* native/include/keepgate/*)

.PHONY: venv check test fuzz demo bench quality clean

venv: $(STAMP)

$(STAMP): pyproject.toml constraints.txt $(NATIVE)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[train,demo,test]'
	touch $(STAMP)

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

test: venv
	$(BIN)/pytest --numprocesses auto

fuzz: venv
	PYTHONPATH=tests $(BIN)/python -m fuzz $(FUZZ)

demo: venv
	$(BIN)/python examples/demo.py

$(BENCH): $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	touch $(BENCH)

bench: $(BENCH)
	$(BIN)/python -m benchmarks

quality: $(BENCH)
	for panel in $(PANELS); do OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality.$$panel || exit 1; done

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache
