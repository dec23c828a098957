"""All tests: `python tests/all.py`. Those that start whole servers mostly wait, so the others run beside them.

What the first print comes when they are over. The others give way to them, as some wait for so long and no longer.
"""

import os
import subprocess
import sys
import tempfile

PYTEST = (sys.executable, "-m", "pytest")


def main() -> int:
    """Run both and return 0 if neither failed. An interrupt reaches both, and both put away what they started."""
    with tempfile.TemporaryFile() as said:
        servers = subprocess.Popen((*PYTEST, "-m", "stack"), stdout=said, stderr=subprocess.STDOUT)
        others = subprocess.Popen((*PYTEST, "-m", "not stack"), preexec_fn=lambda: os.nice(10))
        ended = [_wait(half) for half in (others, servers)]
        said.seek(0)
        print("\nTests that start whole servers:", said.read().decode(), sep="\n", flush=True)
    return max(map(abs, ended))


def _wait(half: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return half.wait()
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    sys.exit(main())
