# make conform   judge the NumPy backend and print the table
# make test      run the tests (TORCH=none: without torch)
# make soak      look for false alarms in 100,000 random examples; prints error/bound per output and dtype
# make docs      write docs/spec.md anew
# make kill-matrix  write the two pages docs/kill-matrix*.md anew: some 40 minutes
# make product   judge NumPy on every combination of lengths, directions, layers and variants
# make gpu-check  the ladder of evidence for CuPy without a GPU (docs/gpu.md); make gpu-run: on a GPU, for whoever has one
# make bench    how fast problems are made, and NumPy beside torch and onnxruntime; draws docs/speed.svg
# make proof     check the proofs of docs/accuracy.md with Coq (on Debian, as root, installs it)
PYTHON ?= python3
TORCH ?= torch
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet -c constraints.txt

export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export LSTM_SPEC_TORCH := $(TORCH)

.PHONY: conform test dev torch check soak docs kill-matrix proof product gpu-check gpu-run bench clean

.venv/made:
	$(PYTHON) -m venv .venv
	touch $@

.venv/conformance: .venv/made pyproject.toml constraints.txt
	$(PIP) -e ".[conformance]"
	touch $@

.venv/dev: .venv/made pyproject.toml constraints.txt
	$(PIP) -e ".[dev]"
	touch $@ .venv/conformance

dev: .venv/dev

# An installed torch, e.g. a CPU-only one, is left alone.
torch: .venv/dev
	@test "$(TORCH)" = none || $(BIN)/python -c "import torch" 2>/dev/null || $(PIP) torch

conform: .venv/conformance
	$(BIN)/lstm-conform run numpy

test: torch
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: torch
	$(BIN)/python tools/soak.py

docs: dev
	$(BIN)/python tools/spec_page.py docs/spec.md

kill-matrix: dev
	$(BIN)/python tools/kill_matrix.py docs/kill-matrix.md
	$(BIN)/python tools/kill_matrix.py docs/kill-matrix-networks.md --networks

proof: dev
	sh proof/build.sh
	$(BIN)/python -m proof.bridge
	$(BIN)/python -m proof.weakened

product: dev
	$(BIN)/python tools/product.py numpy

gpu-check: dev
	$(BIN)/python tools/gpu_check.py --full --page docs/gpu.md

gpu-run: torch
	$(BIN)/python tools/gpu_run.py gpu-run.json

bench: torch
	$(PIP) -e ".[dev,bench]"
	$(BIN)/python benchmarks/generation.py
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python benchmarks/speed.py
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python benchmarks/growth.py docs/speed.svg

clean:
	rm -rf .venv
