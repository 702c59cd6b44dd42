# Needs Python 3 and make; .ci/setup installs the rest.
#
#   make run [ARGS=...]   the demo site on the simulated board, http://127.0.0.1:8080
#   make test             linters, types, import contracts and all tests
#   make lint             the first three alone
#   make test-all         `test`, then the unit tests on every other Python found
#   make test-vm          tests with real systemd and kernel GPIO lines in a virtual machine (Debian 12, root)
#   make test-deb         builds the Debian packages and tries them in empty Debian 12 and 13 (Debian, root)
#   make test-image       boots the image and cuts its power CUTS=20 times while it writes (Debian, root)
#   make test-ha          a real Home Assistant discovers and commands a device (Debian, root)
#   make soak-vm          the same machine, with 10,000 Wiegand frames at each rate
#   make bench-vm         the same machine: the highest edge rate without a loss
#   make fuzz             property tests with many more random examples
#   make chaos            damage, failing calls, a hostile api, killed deliveries, many more cases (two hours)
#   make bench            runs the measurements in tests/bench
#   make mutate           mutation tests of the pure packages
#   make lock         resolves the packages of `make install` anew, into systemd/locked-requirements
#   make sbom         writes dist/gateway.cdx.json, a bill of materials, and checks it for known holes
#   make deb              builds the Debian packages into dist; DEBS="deb13-arm64 ..." chooses
#   make image            builds the image of a card into dist; KEY=FILE is the key of its updates (Debian, root)
#   make bundle KEY=FILE  signs the built packages as updates; OLDEST=1.0.0 is the oldest release that takes them
#   make update-key KEY=FILE  makes a key for that
#   make release [KEY=FILE]   checks version, changelog and tree, then builds wheel, sdist, packages, bill of
#                         materials, notes and checksums into dist, signed with KEY; builds a part twice
#   make docs             generates the reference pages of gateway/docs, and hw/drawings
#   make install          on a Pi, as root: installs or upgrades; a failed upgrade is undone
#   make uninstall        removes the installation, keeps the data (options: see systemd/installer)
#   make clean            removes what was built; keeps the data in .gateway
#
# PYTHON=... selects the interpreter. `make` exits with 2 when a recipe fails.

SHELL := /bin/bash
BIN := .venv/bin
DATA := .gateway
# Test files that run in parallel, one more than most machines have cores: many wait for processes.
# They run in the order of collection, so that the long ones of tests/e2e come first and no core is
# left without work at the end. `make test WORKERS=0` runs them one by one.
WORKERS := 3
IN_PARALLEL = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
OTHER_PYTHONS := python3.11 python3.12 python3.13
# The tests must import the installed package, not the sources.
unexport PYTHONPATH PYTHONHOME

.PHONY: run test lint test-all test-vm test-ha test-deb test-image soak-vm bench-vm fuzz chaos bench mutate docs lock sbom deb image bundle update-key release install uninstall clean setup-run setup-test setup-mutate setup-lock setup-deb
.NOTPARALLEL:

# `exec` passes signals on to the gateway. Standard output is the gateway's.
run: setup-run
	@[ -e $(DATA)/store.db ] || $(BIN)/gateway init --data $(DATA) --demo >&2
	@exec $(BIN)/gateway run --data $(DATA) $(ARGS)

# mypy takes a minute on one core; what it finds comes after the tests.
test: setup-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	@found=$$(mktemp); trap 'kill $$! 2>/dev/null; rm "$$found"' EXIT; $(BIN)/mypy >"$$found" 2>&1 & \
	TMPDIR=$$(.ci/temporary) $(BIN)/pytest $(IN_PARALLEL) $(ARGS); code=$$?; \
	wait $$! || { cat "$$found"; code=1; }; exit $$code

lint: setup-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Skips the interpreter of `test`, and interpreters that are missing or too old.
test-all: test
	@for python in $(OTHER_PYTHONS); do \
	    $$python -c '' 2>/dev/null || continue; \
	    [ "$$($$python -V)" != "$$($(BIN)/python -V)" ] || continue; \
	    PYTHON=$$python VENV=.venv/$$python .ci/setup test || exit; \
	    TMPDIR=$$(.ci/temporary) .venv/$$python/bin/pytest $(IN_PARALLEL) tests/unit $(ARGS) || exit; \
	done

# .ci/vm builds the machine in .vm, and exits with 75 and a notice where that is not possible: then no
# test runs. The tests have their own deadlines, so faulthandler's is off.
test-vm: vm-command = $(BIN)/pytest -o faulthandler_timeout=0 tests/vm
soak-vm: vm-command = GATEWAY_VM_FRAMES=10000 $(BIN)/pytest -o faulthandler_timeout=0 \
    tests/vm/test_wiegand.py
bench-vm: vm-command = cd tests && exec ../$(BIN)/python -m vm
test-vm soak-vm bench-vm: setup-test
	@code=0; .ci/vm || code=$$?; \
	if [ $$code = 75 ]; then exit 0; elif [ $$code != 0 ]; then exit $$code; fi; \
	$(vm-command) $(ARGS)

# .ci/home-assistant installs it in .ha, and exits with 75 and a notice where that is not possible.
test-ha: setup-test
	@code=0; .ci/home-assistant || code=$$?; \
	if [ $$code = 75 ]; then exit 0; elif [ $$code != 0 ]; then exit $$code; fi; \
	$(BIN)/pytest tests/ha $(ARGS)

# .ci/deb_roots makes the empty systems in .deb, and exits with 75 and a notice where that is not possible.
test-deb: setup-test setup-deb
	@code=0; .ci/deb_roots || code=$$?; \
	if [ $$code = 75 ]; then exit 0; elif [ $$code != 0 ]; then exit $$code; fi; \
	rm -f dist/*.deb; .ci/deb $(DEBS) && \
	for package in dist/*.deb; do lintian --allow-root --fail-on error "$$package" || exit; done && \
	$(BIN)/pytest -o faulthandler_timeout=0 tests/deb $(ARGS) && { [ -e .deb/trixie-arm64.tar ] || \
	printf '%s\n' "" "########## THE PACKAGES OF ARM64 WERE LOOKED INTO AND NOT INSTALLED: no qemu-user" ""; }

# .ci/image builds the image in .image, and exits with 75 and a notice where that is not possible.
CUTS := 20
test-image: setup-test setup-deb
	@code=0; .ci/image raw || code=$$?; \
	if [ $$code = 75 ]; then exit 0; elif [ $$code != 0 ]; then exit $$code; fi; \
	GATEWAY_CUTS=$(CUTS) $(BIN)/pytest -o faulthandler_timeout=0 tests/image $(ARGS)

fuzz: setup-test
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest -m hypothesis -o faulthandler_timeout=0 $(ARGS)

# FLIPS is the number of bytes that are flipped in each file; other harm is done a tenth as often.
chaos: FLIPS := 500
chaos: setup-test
	GATEWAY_FLIPS=$(FLIPS) $(BIN)/pytest -m chaos -o faulthandler_timeout=0 $(ARGS)

bench: setup-test
	cd tests && exec ../$(BIN)/python -m bench $(ARGS)

mutate: setup-mutate
	cd tests && exec ../$(BIN)/python -m mutate $(ARGS)

docs: setup-test
	cd tests && exec ../$(BIN)/python -m reference

# For every Python and machine at once; hatchling too, which builds the project on the device. What is
# locked stays unless it no longer fits pyproject.toml; ARGS=--upgrade takes the newest.
LOCK := systemd/locked-requirements
lock: setup-lock
	@$(BIN)/uv pip compile -q --no-config --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make lock" --extra pi --extra osdp --extra i2c --no-emit-index-url -o $(LOCK) $(ARGS) \
	    pyproject.toml <($(BIN)/python -c 'import tomllib; \
	    print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')

# Known holes end it with an error; data that cannot be fetched with a warning.
sbom: setup-lock
	@mkdir -p dist
	@$(BIN)/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml -o dist/gateway.cdx.json $(LOCK)
	@.ci/audit $(BIN)/pip-audit $(LOCK)

# All releases and architectures unless DEBS names some.
DEBS :=
deb: setup-deb
	@UPDATE_KEY="$(UPDATE_KEY)" .ci/deb $(DEBS)

# KEY names the pair that `make update-key` made; only its public part is read.
image: setup-deb
	@UPDATE_KEY="$(if $(KEY),$(KEY).pub)" .ci/image

# `gateway update` takes them on devices that have the key's public part in /etc/gateway/update.pub, or had
# it built in: make deb UPDATE_KEY=FILE.pub.
OLDEST := 0.1.0
bundle: setup-deb
	@$(BIN)/python .ci/bundle sign "$(KEY)" $(OLDEST) dist/*.deb

update-key: setup-deb
	@$(BIN)/python .ci/bundle key "$(KEY)"

# The quick checks come before lint. Nothing is tagged or pushed. Equal commits give equal bytes, which a
# second build in another folder proves.
release: export KEY := $(KEY)
release:
	@.ci/release check
	@$(MAKE) lint
	@rm -rf dist
	@.ci/release build
	@$(MAKE) deb sbom
	@.ci/release reproduce
	@.ci/release finish

setup-run setup-test setup-mutate setup-lock setup-deb:
	@.ci/setup $(@:setup-%=%)

install uninstall:
	@systemd/installer $@

clean:
	rm -rf .venv .vm .ha .deb .image .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find gateway tests -name __pycache__ -prune -exec rm -rf {} +
