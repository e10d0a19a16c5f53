import pandas as pd

from rockspace.report.terminal import closing_words, failure_words


def closing_files():
    """What there is to look at after a run."""
    made = {job.rule.name for job in workflow.dag.jobs}
    pages = {"overview": rules.overview.output.page, "report": f"make report CONFIG='{rules.overview.output.config}'"}
    return {"summary": rules.summary.output.markdown} | (pages if "overview" in made else {})


onsuccess:
    # What was not asked for may be left from an older run, so it is not shown.
    if any(job.rule.name == "summary" for job in workflow.dag.jobs):
        table = pd.read_csv(rules.summary.output.csv)
        print(f"\n{closing_words(table, config['study'], closing_files())}\n", flush=True)


onerror:
    for job in workflow.scheduler.failed:
        for part in getattr(job, "jobs", [job]):
            print(failure_words(part.rule.name, part.wildcards_dict, part.log), file=sys.stderr, flush=True)
