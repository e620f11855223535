# make run   install, then generate with JoVA and the controls, score everything, print the leaderboard
# make test  install, then run the tests
# make parity  the networks against their originals again, with the instructions that every x86-64 processor has
# make check lint and types
# make gate  a few clips of the models in results/ci-reference.json against what they gave there: a Markdown table
# make reference  write results/ci-reference.json anew; commit it with the reason
# make docs  write docs/metrics.md and docs/schemas/ again
# make site  build the documentation into build/site; a warning is an error
#
# CI_MODELS what make reference freezes
# LIMIT     prompts of the suite that make run uses (128 are all; they take four minutes on two cores)
# PYTHON    the interpreter that makes .venv (3.11 or newer)
# PIP_ARGS  passed to pip, e.g. --index-url of an index with CPU builds of torch (see the README)

PYTHON ?= python3
PIP_ARGS ?=
LIMIT ?= 128
PY := .venv/bin/python
PIP := $(PY) -m pip install --disable-pip-version-check $(PIP_ARGS) -c constraints.txt
MODELS := jova real codec silence still shuffled shifted

REFERENCE := results/ci-reference.json
CI_MODELS ?= real codec shuffled jova
# 16 prompts: with 12 or fewer, no test among so many metrics could show anything.
CI_RUN = rm -rf runs/ci && $(PY) -m jova_bench run --suite embedded --limit 16 --device cpu --out runs/ci

.PHONY: install run test parity check gate reference docs site clean

install: .venv/installed

run: .venv/installed
	$(PY) -m jova_bench run $(addprefix --model ,$(MODELS)) --suite embedded --limit $(LIMIT)

# Two processes with two threads each would wait for one another on two cores; and sums have the bits of their threads.
test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2

# Sums come out otherwise with other instructions; a test that holds on one kind of processor only holds nothing.
parity: .venv/installed-dev
	OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=AVX2 $(PY) -m pytest -n 2 -m parity

check: .venv/installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	mkdir -p build/names && ln -sfn ../../baselines build/names/jova_baselines
	$(PY) -m mypy

# A sample that fails (5) is the gate's to tell.
gate: .venv/installed
	$(CI_RUN) $(addprefix --model ,$(shell sed -n 's/^ *"model": "\(.*\)",$$/\1/p' $(REFERENCE) | sort -u)) >/dev/null || test $$? = 5
	$(PY) -m jova_bench gate $(REFERENCE) runs/ci --tolerances results/ci-tolerances.toml

reference: .venv/installed
	$(CI_RUN) $(addprefix --model ,$(CI_MODELS)) >/dev/null
	$(PY) -m jova_bench freeze runs/ci >runs/ci-reference.json
	mv runs/ci-reference.json $(REFERENCE)

docs: .venv/installed
	$(PY) -m jova_bench.tools.metrics_page > docs/metrics.md
	$(PY) -m jova_bench.tools.schemas docs/schemas

site: .venv/installed-dev
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs --quiet build --strict

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "expected Python 3.11 or newer, got $$($(PYTHON) --version); set PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(PIP) -e '.[embedded,report,corpus]'
	@$(PIP) pesq || echo "PESQ was not installed (it needs a C compiler); everything else works without it."
	touch $@

.venv/installed-dev: .venv/installed
	$(PIP) -e '.[embedded,report,corpus,data,ray,docs,dev]'
	@$(PIP:install=download) --no-deps --only-binary=:all: --python-version 3.11 --platform manylinux_2_28_x86_64 \
		-d build/weights mediapipe==0.10.21 || echo "MediaPipe's wheel is not here; tests that use its networks are skipped."
	@$(PY) -m pip download --disable-pip-version-check $(PIP_ARGS) --no-deps -d build/weights silero-vad==5.1.2 \
		|| echo "Silero VAD 5.1.2 is not here; the test that uses its network is skipped."
	touch $@

clean:
	rm -rf .venv build *.egg-info
