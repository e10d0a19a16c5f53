"""From the figures of a layer's alignment to its pictures."""

from pathlib import Path

import pandas as pd

from rockspace.artifacts import read_json
from rockspace.checksums import verified
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.alignment.aligned import read_aligned
    from rockspace.data.catalog import read_catalog
    from rockspace.report.alignment import displacement_maps, predicted_against_observed
    from rockspace.report.captions import titled

    files, out, wildcards = snakemake.input, snakemake.output, snakemake.wildcards
    figures = read_json(files.figures)
    dimensions = pd.read_csv(files.dimensions, dtype={"dimension": str}, keep_default_na=False, na_values=[""])
    leading = dimensions[dimensions["reduction"] == figures["reduction"]]
    aligned, _, _ = read_aligned(files.aligned)
    paths = read_catalog(files.catalog).set_index("image_id")["path"]
    photographs = [verified(Path(files.catalog).parent / paths[image]) for image in aligned["image_id"]]
    title = titled(snakemake.params.model, wildcards.layer, [wildcards.seed])
    drawn = snakemake.params.drawn
    predicted_against_observed(aligned, leading, figures, photographs, title, [out.png, out.svg, out.caption], drawn)
    names = leading["dimension"].tolist()
    displacement_maps(aligned, names, photographs, title, [out.map_png, out.map_svg, out.map_caption], drawn)
