"""Predicted and observed coordinates of the validation images, as a table."""

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.inference.evaluation import Outputs, predicted_coordinates

    table = predicted_coordinates(Outputs.load(snakemake.input.outputs), "validation")
    write_csv(snakemake.output.coordinates, table)
