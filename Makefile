# Every target sets itself up: it makes .venv, installs what it needs (again when pyproject.toml
# changed), and only then works. A second call starts within seconds.
#
#   make demo        the whole loop on drawn images, with numbers and a picture
#   make test        ruff, mypy and the tests under a virtual screen
#   make test-slow   the tests that take longest: kills at random moments, dense images in tiles
#   make lint        ruff and mypy alone
#   make docs        the documentation in site/, warnings are errors
#   make pictures    the pictures of the documentation, from a real window
#   make benchmark   speed and memory side by side with torchvision, about 15 minutes
#
# PYTHON=python3.12 chooses the interpreter; PYTEST_ARGS, DEMO_ARGS, PICTURES_ARGS and
# BENCHMARK_ARGS (--quick, --only TEXT, --resume) are passed on.

PYTHON ?= python3
PYTEST_ARGS ?=
DEMO_ARGS ?=
PICTURES_ARGS ?=
BENCHMARK_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
LIBRARIES := sh scripts/system-libraries.sh

ifeq ($(shell uname -s),Linux)
VIRTUAL_SCREEN := xvfb-run -a -s "-screen 0 1400x900x24"
SCREENLESS := $(if $(strip $(DISPLAY)$(WAYLAND_DISPLAY)),,yes)
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint docs pictures benchmark clean

help:
	@sed -n '4,14s/^# *//p' Makefile

demo: $(VENV)/.installed-demo
	@$(LIBRARIES) $(if $(SCREENLESS),--virtual-screen)
	$(if $(SCREENLESS),$(VIRTUAL_SCREEN)) $(BIN)/napari-maskrcnn demo \
	    $(if $(SCREENLESS),--no-window) $(DEMO_ARGS)

test: lint
	@$(LIBRARIES) --virtual-screen
	NAPARI_CONFIG= $(VIRTUAL_SCREEN) $(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-test
	@$(LIBRARIES) --virtual-screen
	NAPARI_CONFIG= $(VIRTUAL_SCREEN) $(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

pictures: $(VENV)/.installed-docs
	@$(LIBRARIES) --virtual-screen
	NAPARI_CONFIG= $(VIRTUAL_SCREEN) $(BIN)/python docs/make_pictures.py $(PICTURES_ARGS)
	NAPARI_CONFIG= $(VIRTUAL_SCREEN) $(BIN)/python docs/make_project_picture.py
	NAPARI_CONFIG= $(VIRTUAL_SCREEN) $(BIN)/python docs/make_training_pictures.py
	NAPARI_CONFIG= $(VIRTUAL_SCREEN) $(BIN)/python docs/make_channels_picture.py
	NAPARI_CONFIG= $(VIRTUAL_SCREEN) $(BIN)/python docs/make_learning_picture.py

benchmark: $(VENV)/.installed-demo
	$(BIN)/python -m benchmarks $(BENCHMARK_ARGS)

clean:
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache

# An environment that fails half way is taken away again, so that the next call starts afresh.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "napari-maskrcnn needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; \
	    exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "Python cannot make an environment. On Debian: sudo apt-get install python3-venv"; \
	    exit 1; }

$(VENV)/.installed-demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --editable ".[all]"
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --editable ".[all,test]"
	@touch $@ $(VENV)/.installed-demo

$(VENV)/.installed-docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --editable ".[all,docs]"
	@touch $@ $(VENV)/.installed-demo
