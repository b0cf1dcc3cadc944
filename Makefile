# Every target installs what it needs; the stamp is renewed when the metadata or the lock change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_PROCESSES ?= 2
BENCHES := $(filter-out _%,$(basename $(notdir $(wildcard experiments/bench/*.py))))

.PHONY: install demo test slow gpu lint bench clean $(addprefix bench-,$(BENCHES))

install: $(STAMP)

# torch goes first and alone, so that nothing pulls in another build of it.
$(STAMP): pyproject.toml .ci/constraints.txt
	@begin=$$(date +%s); \
	$(PYTHON) -m venv $(VENV) && \
	echo "Installing into $(VENV); this takes a few minutes the first time." && \
	$(BIN)/python -m pip install -q -c .ci/constraints.txt torch && \
	$(BIN)/python -m pip install -q -c .ci/constraints.txt -e '.[all,dev]' && \
	touch $(STAMP) && \
	echo "Installed in $$(( $$(date +%s) - begin )) s."

demo: $(STAMP)
	@begin=$$(date +%s); \
	$(BIN)/quantlab sweep experiments/demo.yaml && \
	$(BIN)/quantlab report runs/demo && \
	echo "The demo ran in $$(( $$(date +%s) - begin )) s." && \
	echo "Open runs/demo/report.html in a browser, or start the app:" && \
	echo "    $(BIN)/streamlit run apps/explorer.py"

# In the order of files: the browser's tests, few and long, come first and not last on one core.
test: $(STAMP) lint
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

gpu: $(STAMP)
	$(BIN)/python -m pytest -m gpu

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(addprefix bench-,$(BENCHES))

$(addprefix bench-,$(BENCHES)): bench-%: $(STAMP)
	$(BIN)/python -m experiments.bench.$*

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .hypothesis
