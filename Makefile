# Everything a newcomer or CI needs; `make help` lists the verbs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
VLLM := .vllm-venv
SNOWFLAKE := .snowflake-venv
PEERS := .peers-venv
GPU := .gpu-venv
GPU_BUILD ?= faiss-gpu
DEMO := demo
SEED := 7
DAYS := 2
EXAMPLES := few

# tests and demo start this program many times: without byte code every start compiles it, and what it imports, anew
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo serve test test-faults test-vllm test-snowflake test-gpu bench-peers lint types imports unit check wheel lock clean

help: ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

# the stamp depends on what is installed, so that a changed lock installs again; byte code is made at once, since the children
# that decode files may write none
$(VENV)/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	touch $@

setup: $(VENV)/.installed ## install everything into .venv

demo: setup ## build the sample site, ingest it, ask it six questions
	$(BIN)/watchfloor eval demo --seed $(SEED) --days $(DAYS) --out $(DEMO)

serve: setup ## serve the demo site on http://127.0.0.1:8000
	WATCHFLOOR_DATA_DIR=$(DEMO)/watchfloor-data $(BIN)/watchfloor serve

lint: setup ## style, formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## strict types
	$(BIN)/mypy

imports: setup ## who may import whom
	$(BIN)/lint-imports

unit: setup ## the quick tests, on all cores
	$(BIN)/pytest tests/unit -n auto --dist loadfile --hypothesis-profile $(EXAMPLES)

check: lint types imports ## every check that runs no code

test: check ## every check and every test, with more examples of each property
	$(MAKE) unit EXAMPLES=many
	sh scripts/test-servers
	$(BIN)/pytest tests --ignore tests/unit
	$(MAKE) test-snowflake
	$(MAKE) wheel

test-faults: setup ## the fault tests at their full counts: kills, damage, full disks, many tenants (some hours)
	$(BIN)/pytest tests/fault tests/contract tests/integration/test_isolation.py tests/integration/test_two_processes.py --full --timeout=3600

# vLLM pins its own torch: it has an environment of its own, made once (4 GB); its log and the results stay in out/vllm
test-vllm: setup ## the tests against a real vLLM server on this machine's CPUs
	PYTHON=$(PYTHON) sh scripts/vllm-env $(VLLM)
	WATCHFLOOR_VLLM_PYTHON=$(VLLM)/bin/python $(BIN)/pytest tests/vllm -o junit_family=xunit1 --junitxml=out/vllm/tests.xml

# the connector pins older versions of what others use: it has an environment of its own, made in seconds (400 MB)
test-snowflake: setup ## pulls by Snowflake's own connector, against a server of its protocol on this machine
	MAIN=$(VENV) sh scripts/snowflake-env $(SNOWFLAKE)
	$(SNOWFLAKE)/bin/python -m pytest tests/contract/test_warehouses.py tests/snowflake

# that everything works with faiss for GPUs can be seen without a GPU; with one it is used. GPU_BUILD=faiss-gpu-cuvs has cuVS
test-gpu: setup ## the vector index on faiss's build for NVIDIA GPUs, in an environment of its own (1.2 GB)
	MAIN=$(VENV) sh scripts/gpu-env $(GPU) $(GPU_BUILD)
	$(GPU)/bin/python -m pytest tests/contract/test_vectors.py tests/unit/retrieval/adapters tests/fault/test_gpu_loss.py tests/integration/test_gpu_real.py

# what ours is set beside has an environment of its own, made once (1 GB); no check and no test needs it
bench-peers: setup ## the libraries that `bench retrieval` is measured beside
	MAIN=$(VENV) sh scripts/peers-env $(PEERS)

wheel: setup ## build the wheel and run doctor from it in a clean environment
	sh scripts/check-wheel

lock: ## resolve the dependencies anew
	$(BIN)/uv pip compile pyproject.toml --python-version 3.11 --python-platform x86_64-manylinux_2_34 --extra cpu --extra slack --extra neo4j \
	  --extra eyes --extra speech --extra bus --extra warehouse --extra follow --extra s3 --extra ray --extra eval --extra dev --generate-hashes --no-header -q -o requirements.lock --upgrade

clean: ## remove what was built
	rm -rf $(DEMO) dist build
