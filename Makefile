# make demo   match 46 surveys against a bundled panel of 20,000 members
# make test   lint, types and tests; ROUTER_STRESS_SECONDS=60 for the nightly run (else 5)
# make bench  the benchmarks, against Polars, DuckDB and zen-engine; the demo, against its baseline
# make baseline  saves that baseline again, benchmarks/demo.json, after a change made on purpose

PYTHON ?= python3
BIN := .venv/bin
DEMO := fixtures/demo/payloads --panel fixtures/demo/panel.toml --as-of 2026-11-21

.PHONY: demo test check bench baseline clean

demo: .venv/demo
	@mkdir -p out
	$(BIN)/matcher match $(DEMO) --output out/demo.parquet
	@echo "every pair of member and survey, with its quota: out/demo.parquet"

test: check
	$(BIN)/python -m pytest -n auto -rs

check: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/bench
	POLARS_MAX_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest benchmarks -o addopts= -q \
		--benchmark-columns=min,median,max,rounds --benchmark-sort=name
	$(BIN)/matcher bench $(DEMO) --compare benchmarks/demo

baseline: .venv/demo
	$(BIN)/matcher bench $(DEMO) --save benchmarks/demo

.venv/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'python 3.11 or later is needed')"
	$(PYTHON) -m venv .venv
	@touch $@

.venv/demo: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/test: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

.venv/bench: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@

clean:
	rm -rf .venv out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
