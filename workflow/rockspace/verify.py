"""Every artifact of a study against its record: what is damaged or gone, the stage that made it, and what to do.

Usage: ``snakemake --summary | python -P -m rockspace.verify``, which ``make verify`` calls: Snakemake lists the artifacts of
a study and their stages.
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rockspace.checksums import verify_artifact
from rockspace.data.manifest import verify
from rockspace.errors import RockspaceError

MANIFEST = ".manifest.json"


def verify_study(summary: Iterable[str]) -> tuple[list[str], Counter[str]]:
    """Verify all artifacts of a study that have been made.

    Args:
        summary: Lines of ``snakemake --summary``.

    Returns:
        A text for each artifact that is damaged or gone, and how many there are of each kind: ``as recorded``, ``damaged or
        gone``, ``without a record``, ``not made yet``.

    Raises:
        RockspaceError: No artifact is listed.
    """
    rows = [row for row in csv.DictReader(summary, delimiter="\t", quoting=csv.QUOTE_NONE) if row.get("output_file")]
    if not rows:
        raise RockspaceError("no artifacts to verify: `snakemake --summary` lists none")
    faults, counts = [], Counter[str]()
    for row in rows:
        artifact = Path(row["output_file"])
        if row["status"] == "removed temp file":
            continue
        try:
            has_record = verify_artifact(artifact)
            if artifact.name.endswith(MANIFEST) and artifact.exists():
                # The archive's files are described by it, and have no other record.
                verify(artifact.with_name(artifact.name.removesuffix(MANIFEST)), artifact)
            kind = "as recorded" if has_record else "without a record" if artifact.exists() else "not made yet"
        except RockspaceError as error:
            faults.append(f"error: {error}\n  stage  {row['rule']}\n  log    {row['log-file(s)']}")
            kind = "damaged or gone"
        counts[kind] += 1
    return faults, counts


if __name__ == "__main__":
    try:
        found, numbers = verify_study(sys.stdin)
    except RockspaceError as error:
        sys.exit(f"error: {error}")
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    print("artifacts:", ", ".join(f"{number} {kind}" for kind, number in numbers.most_common()))
    sys.exit(1 if found else 0)
