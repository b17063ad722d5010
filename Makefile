# The commands that people and CI share. Only Python 3.11+, make and the package registries are assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: run test test-llama lint bench clean
.DELETE_ON_ERROR:

## run: install, bring the index in line with documents/, serve the chat page
run: $(VENV)/installed
	-$(BIN)/qa-service index
	exec $(BIN)/qa-service serve

## test: install the test extras, run the whole suite
test: $(VENV)/installed-test chromium
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

## test-llama: build a server of llama.cpp, which needs a C++ compiler and minutes, and test against it
test-llama: $(VENV)/installed-llama
	$(BIN)/python -m pytest -m llama_cpp $(ARGS)

## lint: style, types, and the import contract
lint: $(VENV)/installed-lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

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
	$(PIP) --editable '.[test,providers,anthropic,mistralai,ollama,postgres]'
	@touch $@

$(VENV)/installed-llama: $(VENV)/installed-test
	$(PIP) --editable '.[llama]'
	@touch $@

$(VENV)/installed-lint: $(VENV)/installed-test
	$(PIP) --editable '.[lint]'
	@touch $@

# The page tests drive Debian's chromium; elsewhere they say why they are skipped.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ] || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null || \
		echo "chromium could not be installed: the page tests will be skipped"
