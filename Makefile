# Values from users are literal: make expands no `$` in them.
GIVEN := CONFIG CORES NAME FOLDER TESTS
$(foreach name,$(GIVEN),$(if $(filter command environment,$(origin $(name))),$(eval override $(name) := $$(value $(name)))))

# Everything runs inside .venv, which is made from requirements.lock.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3)
CONFIG ?= config/config.yaml
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin
SNAKEMAKE := $(BIN)/snakemake --cores "$$CORES"
# Values reach programs by the environment, never as text of a shell, which would run commands in them.
export $(GIVEN)
# The config files as arguments: one, whose name may hold spaces, or several with spaces between them.
WITH_CONFIG := set -ef; if [ -f "$$CONFIG" ]; then set -- "$$CONFIG"; else set -- $$CONFIG; fi;
# In the order of tests/conftest.py.
PYTEST := $(BIN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder
# Without modules of this folder, such as a `types.py` (-P): the name of the study that config files, laid over the default, are of.
STUDY_OF := $(BIN)/python -P -c 'import sys, yaml; files = ["config/config.yaml", *sys.argv[1:]]; \
	print({k: v for file in files for k, v in yaml.safe_load(open(file)).items()}["study"])'

# What lies in the package, beside the public names.
MODULES = $(subst /,.,$(patsubst workflow/%,%,$(basename $(filter-out %/__init__.py,$(wildcard workflow/rockspace/*.py)) \
	$(patsubst %/__init__.py,%.py,$(wildcard workflow/rockspace/*/__init__.py)))))

.PHONY: demo test test-slow coverage chaos study verify report new-study docs dag simulate bench env lint sbom lock

demo: CONFIG := $(if $(filter file,$(origin CONFIG)),config/demo.yaml,$(CONFIG))
demo study: env
	@touch .venv/started
	@$(WITH_CONFIG) $(SNAKEMAKE) --configfile "$$@"
# A run that had nothing to do has not said where the result is.
	@$(WITH_CONFIG) page=results/$$($(STUDY_OF) "$$@")/overview.html; [ "$$page" -nt .venv/started ] || echo "open $$page"

test: env
	$(PYTEST)

# What runs whole studies at length: pages of the docs, simulated failures, and a Slurm of its own where there is one.
test-slow: env
	$(PYTEST) -m slow

# Branches of the library that the tests take, stages in processes of their own included; slower than the tests alone.
coverage: env
	$(PYTEST) --cov --cov-report term $$TESTS

# The workflow's own tests with the oldest Snakemake that pyproject.toml allows.
oldest: env
	$(BIN)/python -m venv .venv/oldest
	.venv/oldest/bin/pip install --quiet --disable-pip-version-check \
		"$$(sed -n 's/.*"\(snakemake\)>=\([0-9.]*\),.*/\1==\2/p' pyproject.toml)"
	$(BIN)/python -c 'import site; print(f"import site; site.addsitedir({site.getsitepackages()[0]!r})")' \
		> "$$(.venv/oldest/bin/python -c 'import site; print(site.getsitepackages()[0])')/newest.pth"
	ln -sf ../../bin/graphviz-pure .venv/oldest/bin/graphviz-pure
	.venv/oldest/bin/python -m pytest tests/test_workflow.py tests/test_staleness.py tests/test_module.py tests/test_config_files.py

# Kills and faults of all kinds over a whole small study, then every single write of it disturbed; takes about a day.
chaos: env
	$(BIN)/python tests/chaos.py

# Every artifact of a study against its record; what is damaged or gone, and what to do.
verify: env
	@$(WITH_CONFIG) $(SNAKEMAKE) --configfile "$$@" --summary | $(BIN)/python -P -m rockspace.verify

# Of the run whose overview was made last, unless CONFIG names another; beside the results of that run, wherever they are. The page is
# made under another name first, so that an interrupted command leaves an older one as it is.
report: CONFIG := $(if $(filter file,$(origin CONFIG)),$(or $(shell ls -t results/*/overview.html 2>/dev/null | head -n 1 | sed 's,[^/]*$$,config.yaml,'),$(CONFIG)),$(CONFIG))
report: env
	@$(WITH_CONFIG) folder=$$(cd "$$(dirname "$$1")" && pwd); \
	case $$folder in */results/*) folder=$${folder%/results/*};; *) folder=$$PWD;; esac; \
	part=$$folder/results/report.part.html; \
	$(SNAKEMAKE) --directory "$$folder" --configfile "$$@" --report-stylesheet "$$PWD/workflow/report/report.css" \
		--report "$$part"; \
	report=$$folder/results/$$($(STUDY_OF) "$$@")/report.html; \
	mv "$$part" "$$report"; echo "open $${report#$$PWD/}"

new-study: env
	@[ -n "$$NAME" ] || { echo "error: NAME is missing: make new-study NAME=mine FOLDER=path/to/folder" >&2; exit 1; }
	@$(BIN)/python -P -m rockspace.new_study -- "$$NAME" $${FOLDER:+"$$FOLDER"}

docs: env
	$(BIN)/python -m pdoc --docformat google --no-show-source --output-directory docs/reference rockspace $(MODULES)
	@echo docs/reference/index.html

dag: env
	@mkdir -p results
	@$(WITH_CONFIG) $(SNAKEMAKE) all --configfile "$$@" --dag dot >results/dag.dot
	@$(BIN)/python -m tools.stage_graph <results/dag.dot | $(BIN)/graphviz-pure -Tsvg -o results/dag.svg
	@echo open results/dag.svg

simulate: env
	$(BIN)/python -m tools.simulation
	$(BIN)/python -m tools.coverage
	@echo results/simulation/

bench: env
	$(BIN)/python tests/benchmarks/speed.py

env: .venv/complete

.venv/complete: requirements.lock
	$(PYTHON) -m venv .venv
	@echo "Installing into .venv; this takes a minute or two"
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint
	$(BIN)/python -m tools.audit

# The locked packages with hashes, licences and dependencies, in CycloneDX.
sbom: env
	$(BIN)/python -m tools.bill_of_materials sbom.cdx.json

# Needs uv (https://docs.astral.sh/uv); run it after changing a dependency in pyproject.toml.
lock:
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --output-file requirements.lock
	$(BIN)/python -m tools.conda_environment
