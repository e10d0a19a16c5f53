"""The one exception that is meant for the person who runs the workflow."""


class RockspaceError(Exception):
    """What went wrong, where (file, row or key), and what to do, in one line.

    Everything else that is raised is a bug and keeps its stack trace.
    """
