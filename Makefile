# make book | test | test-fast | test-slow | test-book | test-nightly | lint | sync | wasm | clean. Needs only Python >= 3.11 and a network.
# On Linux plain PyPI serves torch with CUDA (several GB). For the CPU build:
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make book
PYTHON ?= python3
BIN := .venv/bin
# Threads that wait for each other sleep (see wmlib/__init__.py); chapters import torch first.
export OMP_WAIT_POLICY ?= PASSIVE
STAMP := .venv/.installed

.PHONY: setup sync wasm book test test-fast test-slow test-book test-nightly lint clean

setup: $(STAMP)

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "This project needs Python >= 3.11; choose one: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# The folded flashcards and the notebooks beside the chapters are generated.
sync: setup
	$(BIN)/python tools/sync_notebooks.py

# The car's simulator for the browser, a committed file; needs wasm-ld (tools/install_system.sh).
wasm: setup
	$(BIN)/python tools/build_wasm.py

# The execution cache does not know wmlib: empty it when the package or the stored results changed.
_build/.code: $(shell find wmlib results -type f -not -name '*.pyc' 2>/dev/null)
	rm -rf _build/.jupyter_cache
	mkdir -p _build
	@touch $@

book: sync _build/.code
	$(BIN)/jupyter-book build -W --keep-going -n .
	@echo "Open _build/html/index.html"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/lint-imports

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

test-fast: setup
	$(BIN)/python -m pytest -m "not slow and not nightly and not browser"

# The rest of `make test` in two parts, for machines that run them side by side.
BOOK_TESTS := $(addprefix tests/,book/test_book.py book/test_edited.py book/test_browser.py book/test_site.py book/test_cards.py \
  book/test_widgets_browser.py book/test_widgets_explorers.py book/test_real_and_dream.py \
  book/test_jupyterlab.py book/test_landing.py \
  envs/test_wasm_car.py)

test-slow: setup
	$(BIN)/python -m pytest -m "slow and not nightly and not browser" $(BOOK_TESTS:%=--ignore=%)

test-book: setup
	$(BIN)/python -m pytest -m "slow and not nightly" $(BOOK_TESTS)

# What takes hours: drills (kills, memory, bad inputs), other libraries, long plays in the browser.
test-nightly: setup
	$(BIN)/python -m pytest -m nightly

clean:
	rm -rf _build build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
