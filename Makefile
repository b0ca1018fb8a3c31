# Nothing here is needed: these are short names for commands that work without make.
.PHONY: all demo checks tests

all:
	python3 tests/run.py

demo:
	python3 tests/run.py demo

checks:
	python3 tests/run.py checks

tests:
	python3 tests/run.py tests
