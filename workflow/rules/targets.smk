CHOICES_OF_PEOPLE = [
    *rules.choices.output,
    *[file for name in rules.exemplar_people.output.keys() for file in of_explained(name)],
    *rules.human_choices.output,
]


# All artifacts that a study keeps, so that a lost file is made again.
EVERYTHING = [
    expand(rules.download.output.manifest, files=["raw", "people"]),
    rules.restructure.output,
    rules.coordinates.output,
    [file for split in SPLITS for file in tfrecords(split)] if len(READY_MODELS) < len(MODELS) else [],
    [file for training in TRAININGS for file in features_of("train", *training)],
    of_trainings(*rules.train_head.output, *rules.finetune.output, *rules.evaluate.output),
    of_trainings(*rules.curves.output, *rules.augmentation_preview.output),
    of_classifiers(*rules.mistakes.output),
    every(
        *rules.extract_embeddings.output,
        *rules.procrustes.output,
        *rules.alignment_pictures.output,
        *rules.layer_profile.output,
    ),
    expand(rules.ensemble.output, ensemble=ENSEMBLES),
    expand(rules.ensemble_confusion.output, ensemble=CLASSIFYING_ENSEMBLES),
    rules.comparison.output,
    rules.summary.output,
    rules.explorer.output,
    rules.overview.output,
    rules.learning_curves.output if TRAINED else [],
    CHOICES_OF_PEOPLE if CHOICE_FILES else [],
]


# Targets for several stages at once; `--until` accepts one.
rule trained:
    input:
        of_trainings(*rules.finetune.output, *rules.curves.output),


rule embedded:
    input:
        of_trainings(*rules.evaluate.output),
        every(*rules.extract_embeddings.output),


rule aligned:
    input:
        every(*rules.procrustes.output, *rules.alignment_pictures.output),


onsuccess:
    summary, overview = Path(rules.summary.output.csv), Path(rules.overview.output.page)
    # Older files, from other runs, are not shown.
    if summary.exists() and summary.stat().st_mtime > STARTED:
        from rockspace.report.columns import read_table
        from rockspace.report.terminal import closing_words

        # Names lead there from where `make` works too, which a run with `--directory` or of a module is not in.
        here = Path() if Path("Makefile").exists() else Path.cwd()
        files, answer = {"summary": str(here / rules.summary.output.markdown)}, ""
        if overview.exists() and overview.stat().st_mtime > STARTED:
            answer = Path(rules.overview.output.answer).read_text()
            resolved = shlex.quote(str(here / rules.configuration.output.file))
            files |= {"report": f"make report CONFIG={shlex.quote(resolved)}", "open": str(here / overview)}
        logger.info(f"\n{closing_words(read_table(summary), settings['study'], files, answer)}")
