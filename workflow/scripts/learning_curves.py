"""The learning curves of all models and seeds on one page."""

from pathlib import Path

import pandas as pd

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.report.curves import WATCHED_WORDS, all_learning_curves

    runs = zip(snakemake.params.runs, snakemake.input.head, snakemake.input.finetune, strict=True)
    histories = {name: (pd.read_csv(head), pd.read_csv(finetune)) for name, head, finetune in runs}
    outputs = [Path(snakemake.output.png), Path(snakemake.output.svg)]
    all_learning_curves(histories, WATCHED_WORDS[snakemake.params.selection], outputs)
