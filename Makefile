# Everything starts from a machine with Python 3 and make; .ci/setup brings the rest.
#
#   make run [ARGS=...]   the demo site on the simulated board, http://127.0.0.1:8080
#   make test             linters, types, walls between the rooms, and all tests
#   make lint             the first three alone
#   make test-all         `test`, then the unit tests on every other Python found
#   make test-vm          on real systemd and kernel GPIO lines, in a virtual machine (Debian 12, root)
#   make soak-vm          10,000 Wiegand frames a rate in it
#   make bench-vm         how fast edges may come in it before any is lost
#   make fuzz             property tests with many more, random examples
#   make bench            the measurements in tests/bench
#   make mutate           small changes to the pure rooms: which of them does no test notice?
#   make release          checks version, changelog and tree, then builds wheel and sdist into dist
#   make docs             writes gateway/docs anew, what the API and the configuration can do, and
#                         hw/drawings
#   make install          on a Pi, as root: users, services, rules; again: an upgrade that can go back
#   make uninstall        takes them away and leaves the data (systemd/installer says what it is told)
#   make clean            remove what was built; the data in .gateway stays
#
# PYTHON=... chooses the interpreter. A recipe that fails makes `make` itself exit with 2.

SHELL := /bin/bash
BIN := .venv/bin
DATA := .gateway
# Files of tests that run at once: `make test WORKERS=0` is one after the other.
WORKERS := 2
OTHER_PYTHONS := python3.11 python3.12 python3.13
# The tests must meet the installed package, not the sources.
unexport PYTHONPATH PYTHONHOME

.PHONY: run test lint test-all test-vm soak-vm bench-vm fuzz bench mutate docs release install uninstall clean setup-run setup-test setup-mutate
.NOTPARALLEL:

# `exec`, so that a signal to make reaches the gateway itself. Standard output is the gateway's.
run: setup-run
	@[ -e $(DATA)/store.db ] || $(BIN)/gateway init --data $(DATA) --demo >&2
	@exec $(BIN)/gateway run --data $(DATA) $(ARGS)

test: lint
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: setup-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The interpreter of `test` is left out here; one that is missing or too old is passed over.
test-all: test
	@for python in $(OTHER_PYTHONS); do \
	    $$python -c '' 2>/dev/null || continue; \
	    [ "$$($$python -V)" != "$$($(BIN)/python -V)" ] || continue; \
	    PYTHON=$$python VENV=.venv/$$python .ci/setup test || exit; \
	    .venv/$$python/bin/pytest -n $(WORKERS) --dist loadfile tests/unit $(ARGS) || exit; \
	done

# The machine is built in .vm. Where there can be none, .ci/vm says so loudly (75), and nothing runs.
# A test here has deadlines of its own: it may take long while others use the processors.
test-vm: vm-command = $(BIN)/pytest -o faulthandler_timeout=0 tests/vm
soak-vm: vm-command = GATEWAY_VM_FRAMES=10000 $(BIN)/pytest -o faulthandler_timeout=0 \
    tests/vm/test_vm_wiegand.py
bench-vm: vm-command = cd tests && exec ../$(BIN)/python -m vm
test-vm soak-vm bench-vm: setup-test
	@code=0; .ci/vm || code=$$?; \
	if [ $$code = 75 ]; then exit 0; elif [ $$code != 0 ]; then exit $$code; fi; \
	$(vm-command) $(ARGS)

fuzz: setup-test
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest -m hypothesis -o faulthandler_timeout=0 $(ARGS)

bench: setup-test
	cd tests && exec ../$(BIN)/python -m bench $(ARGS)

mutate: setup-mutate
	cd tests && exec ../$(BIN)/python -m mutate $(ARGS)

docs: setup-test
	cd tests && exec ../$(BIN)/python -m reference

# Lint comes after the checks, which take no time; nothing is tagged or pushed.
release:
	@.ci/release check
	@$(MAKE) lint
	@rm -rf dist
	@$(BIN)/python -m hatchling build -d dist
	@.ci/release publish

setup-run setup-test setup-mutate:
	@.ci/setup $(@:setup-%=%)

install uninstall:
	@systemd/installer $@

clean:
	rm -rf .venv .vm .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find gateway tests -name __pycache__ -prune -exec rm -rf {} +
