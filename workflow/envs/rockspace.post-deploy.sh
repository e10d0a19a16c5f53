#!/usr/bin/env bash
# Installs the library into the environment: from the clone that Snakemake was started in, or from ROCKSPACE, which may be
# another folder or an address as pip takes it (git+https://...).
set -euo pipefail
if [ -n "${ROCKSPACE:-}" ]; then
	python -m pip install --no-deps "$ROCKSPACE"
else
	python -m pip install --no-deps --editable .
fi
