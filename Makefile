# The commands that people and CI share. Only Python 3.11+, make and the package registries are assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TSC := $(VENV)/node/node_modules/.bin/tsc
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: run test fuzz test-llama lint bench clean
.DELETE_ON_ERROR:

## run: install, bring the index in line with documents/, serve the chat page
run: $(VENV)/installed
	-$(BIN)/qa-service index
	exec $(BIN)/qa-service serve

## test: install the test extras, run the whole suite
test: $(VENV)/installed-test chromium node
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

## fuzz: hold the HTTP interface to its description with many thousands of requests, for some minutes
fuzz: $(VENV)/installed-test
	SCHEMATHESIS_EXAMPLES=$(or $(EXAMPLES),300) $(BIN)/python -m pytest -s tests/channels/test_schemathesis.py $(ARGS)

## test-llama: build a server of llama.cpp, which needs a C++ compiler and minutes, and test against it
test-llama: $(VENV)/installed-llama
	$(BIN)/python -m pytest -m llama_cpp $(ARGS)

## lint: style, types (those of the pages' scripts too, where npm is there), and the import contract
lint: $(VENV)/installed-lint node
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -x $(TSC) ]; then $(TSC) --project tests/browser/jsconfig.json; else echo "no npm: scripts not checked"; fi

## bench: side-by-side measurements, see benchmarks/README.md
bench: $(VENV)/installed-test
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP) --editable '.[test,providers,anthropic,mistralai,ollama,postgres,mcp,otel,redis,slack]'
	@touch $@

$(VENV)/installed-llama: $(VENV)/installed-test
	$(PIP) --editable '.[llama]'
	@touch $@

$(VENV)/installed-lint: $(VENV)/installed-test
	$(PIP) --editable '.[lint]'
	@touch $@

# axe-core for the page tests and TypeScript for the linter, from npm's registry; what needs them says why it is skipped.
.PHONY: node
node: $(VENV)/installed
	@cmp -s tests/browser/package.json $(VENV)/node/package.json || ! command -v npm >/dev/null || { \
		mkdir -p $(VENV)/node && cp tests/browser/package.json $(VENV)/node/ && \
		npm install --prefix $(VENV)/node --silent --no-package-lock --ignore-scripts --no-audit --no-fund; \
	} || { rm -f $(VENV)/node/package.json; echo "npm's packages could not be installed: checks that need them are skipped"; }

# The page tests drive Debian's chromium; elsewhere they say why they are skipped.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ] || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null || \
		echo "chromium could not be installed: the page tests will be skipped"
