from itertools import chain


def every(*patterns):
    """The files that patterns name for all models, seeds and layers."""
    return sorted({pattern.format(model=m, seed=s, layer=l) for pattern in patterns for m, s, l in RUNS})


# The artifacts of each stage. A stage is a target by the name of its rule, also where that has wildcards.
STAGES = {
    "download": [rules.download.output.manifest, rules.download.output.raw],
    "restructure": [
        rules.restructure.output.images,
        rules.restructure.output.catalog,
    ],
    "coordinates": list(rules.coordinates.output),
    "tfrecords": [file for split in SPLITS for file in tfrecords(split)],
    "pretrained_weights": sorted(
        {f"results/weights/{m['backbone']}.weights.h5" for m in config["models"] if m["weights"] == "imagenet"}
    ),
    "features": sorted(
        {
            file
            for split in (["train", "validation"] if WATCHES_VALIDATION else ["train"])
            for model in MODELS
            for seed in SEEDS
            for file in features_of(split, model, seed)
        }
    ),
    "train_head": every(*rules.train_head.output),
    "finetune": every(*rules.finetune.output),
    "evaluate": every(*rules.evaluate.output),
    "predicted_coordinates": expand(
        rules.predicted_coordinates.output.coordinates, model=[m for m in MODELS if REGRESSES[m]], seed=SEEDS
    ),
    "curves": every(*rules.curves.output),
    "activations": every(*rules.extract_embeddings.input.train, *rules.extract_embeddings.input.validation),
    "extract_embeddings": every(*rules.extract_embeddings.output),
    "procrustes": every(*rules.procrustes.output),
    "layer_profile": every(*rules.layer_profile.output),
    "ensemble": expand(rules.ensemble.output, ensemble=ENSEMBLES),
    "ensemble_coordinates": expand(
        rules.ensemble_coordinates.output,
        ensemble=[name for name, each in ENSEMBLES.items() if any(REGRESSES[model] for model in each["models"])],
    ),
    "ensemble_alignment": expand(rules.ensemble_alignment.output, ensemble=ENSEMBLES),
    "comparison": list(rules.comparison.output),
    "contact_sheet": expand(rules.contact_sheet.output.sheet, split=SPLITS),
    "augmentation_preview": every(*rules.augmentation_preview.output),
    "learning_curves": list(rules.learning_curves.output),
    "mistakes": every(*rules.mistakes.output),
    "summary": list(rules.summary.output),
    "explorer": list(rules.explorer.output),
    "table_page": expand(rules.table_page.output.page, table=["summary", "comparison"]),
    "overview": list(rules.overview.output),
    "responses": list(CHOICES.values()),
    "exemplar": every(*rules.exemplar.output) if CHOICES else [],
    "exemplar_people": list(rules.exemplar_people.output) if CHOICES else [],
    "human_choices": list(rules.human_choices.output) if CHOICES else [],
}


# Stages that are done when asked for alone.
ON_REQUEST = {
    "cross_validate": expand(rules.cross_validate.output.left_out, model=MODELS, seed=SEEDS, fold=FOLDS),
}


# Used as a module, rules may have other names there, and one workflow may hold several studies.
FILES_OF = {workflow.modifier.modify_rulename(stage): files for stage, files in (STAGES | ON_REQUEST).items()}


class StagesAsTargets(type(workflow)):
    """Snakemake refuses a rule with wildcards as a target; here its name stands for all files of the stage."""

    def __setattr__(self, name, value, files_of=FILES_OF):
        # Snakemake hands over what was asked for once it has read the rules.
        if name == "dag_settings" and value is not None:
            stages = {
                target for target in value.targets if self.is_rule(target) and self.get_rule(target).has_wildcards()
            }
            value.targets = set(
                chain.from_iterable(files_of.get(t, [t]) if t in stages else [t] for t in value.targets)
            )
            # As with `--rerun-incomplete`: what a killed run was at is done again, without being asked to.
            value.force_incomplete = True
        super().__setattr__(name, value)


workflow.__class__ = StagesAsTargets
