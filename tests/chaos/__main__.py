"""`python -m tests.chaos`: real faults on the real stack, under load, and the audit of all of it.

Goes on where an earlier run ended; `--fresh` begins anew, `--short` takes a few minutes and is always fresh. `--only
WHAT ...`: just these, once each, on one stack. Outcomes, `results.json` and `results.md` are in `build/chaos`, those of
the latter two in a folder below. The folder of a stack of which something was wrong is left there, with its logs.
"""

import argparse
import sys
from pathlib import Path

from tests.chaos.campaign import run_campaign
from tests.chaos.plan import KINDS

FOLDER = Path("build") / "chaos"


def main() -> int:
    """Run; 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a handful of faults on one stack")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run has done")
    parser.add_argument("--resume", action="store_true", help="go on, as is done anyway")
    parser.add_argument("--only", nargs="+", metavar="WHAT", choices=[kind.__name__ for kind in KINDS])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args()
    by_name = {kind.__name__: kind for kind in KINDS}
    only = [by_name[name] for name in given.only or ()]
    folder = given.folder / ("only" if only else "short" if given.short else "")
    return run_campaign(folder.resolve(), short=given.short, fresh=given.fresh, faults=only)


if __name__ == "__main__":
    sys.exit(main())
