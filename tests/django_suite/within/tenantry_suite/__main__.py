"""Runs Django's suite in one mode: `python -m tenantry_suite PARALLEL LABEL...`.

The current folder is the `tests` of Django's source distribution.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path


def main():
    parallel, *labels = sys.argv[1:]
    folder = tempfile.mkdtemp(prefix="django_")
    tempfile.tempdir = os.environ["TMPDIR"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    sys.path[0] = str(Path.cwd())
    import runtests

    from tenantry_suite import everywhere

    everywhere.install(runtests)
    failed = runtests.django_tests(
        verbosity=1,
        interactive=False,
        failfast=False,
        keepdb=False,
        reverse=False,
        test_labels=labels,
        debug_sql=False,
        parallel=int(parallel),
        tags=[],
        exclude_tags=["selenium"],
        test_name_patterns=None,
        start_at=None,
        start_after=None,
        pdb=False,
        buffer=False,
        timing=False,
        shuffle=False,
    )
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
