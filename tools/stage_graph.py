"""Draws the stages of a study and how many jobs each has: `snakemake --dag dot | python -m tools.stage_graph`.

Reads the graph of jobs as Snakemake writes it, and writes one of stages for Graphviz. An arrow that a way through other stages implies
is left out, as is the rule that only collects.
"""

import re
import sys
from collections import defaultdict
from graphlib import TopologicalSorter

# Inches of a letter, and around the text, at 10 points: enough for the widest of the usual fonts.
LETTER, MARGIN = 0.1, 0.3
MOST_NAMES = 3
# The rule of all artifacts, which does nothing itself.
COLLECTS = "all"
_JOB = re.compile(r'^\s*(\d+)\[label = "([^"]*)"')
_EDGE = re.compile(r"^\s*(\d+) -> (\d+)")
HEAD = """digraph stages {
    graph [bgcolor=white, nodesep=0.2, ranksep=0.25, size="14,7.7"];
    node [shape=box, style="rounded,filled", fillcolor="#eef3f8", color="#5b7c99", fontname=Helvetica, fontsize=10, height=0.4];
    edge [color="#8a8a8a", arrowsize=0.7];
"""


def stage_graph(jobs: str) -> str:
    """Gather the jobs of each stage.

    Args:
        jobs: The graph of jobs, in the dot language, as ``snakemake --dag dot`` writes it.

    Returns:
        The graph of stages in the dot language: each with its number of jobs, and with the names of its models where it
        has neither all of them nor those of a stage before it.
    """
    rules, model, before = {}, {}, defaultdict(set)
    for line in jobs.splitlines():
        if job := _JOB.match(line):
            rules[job[1]], *wildcards = job[2].split("\\n")
            if name := dict(wildcard.split(": ", 1) for wildcard in wildcards).get("model"):
                model[job[1]] = name
        elif edge := _EDGE.match(line):
            before[edge[2]].add(edge[1])
    count, models, needs = defaultdict(int), defaultdict(set), defaultdict(set)
    for job in TopologicalSorter(before | {job: before[job] for job in rules}).static_order():
        # Snakemake writes a wildcard only where no job before has the same.
        inherited = {model[other] for other in before[job] if other in model}
        if job not in model and len(inherited) == 1:
            model[job] = inherited.pop()
        count[rules[job]] += 1
        models[rules[job]] |= {model[job]} if job in model else set()
        needs[rules[job]] |= {rules[other] for other in before[job]} - {rules[job]}
    stages = [rule for rule in dict.fromkeys(rules.values()) if rule != COLLECTS]
    everything = {name for names in models.values() for name in names}
    all_before: dict[str, set[str]] = {}
    for rule in TopologicalSorter(needs).static_order():
        all_before[rule] = needs[rule].union(*(all_before[other] for other in needs[rule]))
    # What a stage needs and no stage that it needs needs too.
    direct = {rule: sorted(needs[rule].difference(*(all_before[other] for other in needs[rule]))) for rule in stages}
    parts = (
        models[rule] if models[rule] not in [everything, *(models[other] for other in direct[rule])] else ()
        for rule in stages
    )
    nodes = [_node(rule, count[rule], sorted(part)) for rule, part in zip(stages, parts, strict=True)]
    edges = [f"    {other} -> {rule};" for rule in stages for other in direct[rule]]
    return "\n".join([HEAD, *nodes, *edges, "}\n"])


def _node(rule: str, jobs: int, names: list[str]) -> str:
    more = [f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES + 1 else []
    lines = [rule, f"{jobs} jobs" if jobs > 1 else "1 job"]
    lines += names[:MOST_NAMES] + more if more else names
    label, width = r"\n".join(lines), LETTER * max(map(len, lines)) + MARGIN
    return f'    {rule} [label="{label}", width={width:.2f}];'


if __name__ == "__main__":
    sys.stdout.write(stage_graph(sys.stdin.read()))
