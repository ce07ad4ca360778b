# The front door. Every target prepares the machine first; that costs nothing when it is ready.
# BOARDS="mps2-an385 virt-rv32" limits demo, test and bench to the boards named.
export BOARDS
PYTHON = .venv/bin/python

.PHONY: help setup demo test lint format bench size

help: ## Print this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

setup: ## Install what is missing: system packages, .venv, third-party sources
	@tools/bootstrap

demo: setup ## The whole story on emulated boards: build, sign, boot, update, roll back
	@$(PYTHON) -m demo

test: setup lint ## Prove it: unit, property, fuzz, power-cut, QEMU and end-to-end tests
	@$(PYTHON) -m pytest -n auto --dist worksteal

lint: setup ## Format, types, static analysis: ruff, mypy, clang-format, clang-tidy
	@$(PYTHON) tools/lint.py

format: setup ## Format Python and C in place
	@.venv/bin/ruff format -q . && .venv/bin/ruff check -q --fix . && git ls-files '*.c' '*.h' '*.cpp' | xargs .venv/bin/clang-format -i

bench: setup ## Measure sizes, instructions and bytes; write build/bench.json
	@$(PYTHON) -m demo.bench

size: setup ## What the working tree costs in flash, RAM and stack against the last commit
	@.venv/bin/unitool size --diff HEAD
