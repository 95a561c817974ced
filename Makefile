# make demo: install, fetch the weights, ask a recorded question about a photo and a follow-up from memory.
# make test: install, fetch the weights, run the tests, in two processes.
.PHONY: demo test test-slow benchmark clean

PYTHON ?= python3
# what pip installs as torch: TORCH='torch --index-url ADDRESS' takes a build of your choice, for example one without CUDA
TORCH ?= torch
BIN := .venv/bin
SESSION := demo-$(shell date +%s)
INSTALLED := .venv/.installed
INSTALLED_FOR_TESTS := .venv/.installed-for-tests

demo: $(INSTALLED)
	@$(BIN)/assistant models pull
	@echo
	@echo '== a recorded question about a photo'
	@$(BIN)/assistant ask --details --audio data/question.wav --image data/photo.jpg --session $(SESSION) --speak reply.wav
	@echo
	@echo '== a follow-up, from memory'
	@$(BIN)/assistant ask --details --session $(SESSION) --speak follow_up.wav 'What was in the picture I showed you a moment ago?'

test: $(INSTALLED_FOR_TESTS)
	$(BIN)/assistant models pull --profile tiny
	$(BIN)/assistant models pull
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: $(INSTALLED_FOR_TESTS)
	$(BIN)/assistant models pull --all
	$(BIN)/python -m pytest -m slow

benchmark: $(INSTALLED_FOR_TESTS)
	$(BIN)/assistant models pull --all
	$(BIN)/python tests/benchmarks/turn.py
	$(BIN)/python tests/benchmarks/decoder.py

# torch goes first: once a build is there (CPU or CUDA, as you like), nothing installs another one over it
.venv/.torch:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt $(TORCH)
	@touch $@

$(INSTALLED): .venv/.torch pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(INSTALLED_FOR_TESTS): .venv/.torch pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@ $(INSTALLED)

clean:
	rm -rf .venv reply.wav follow_up.wav
