"""The calls that `holdfast run` prints, run as a newcomer pastes them: by `sh`, to the letter."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_CURL = """#!{python}
import sys, urllib.error, urllib.request
headers, url, body, words = {{}}, "", None, iter(sys.argv[1:])
for word in words:
    if word == "-H":
        name, _, value = next(words).partition(":")
        headers[name] = value.strip()
    elif word == "-d":
        body = next(words).encode()
    elif not word.startswith("-"):
        url = word
try:
    answer = urllib.request.urlopen(urllib.request.Request(url, body, headers))
except urllib.error.HTTPError as refusal:
    answer = refusal
sys.stdout.buffer.write(answer.read())
"""
"""What the printed call needs of curl, where there is none: what `sh` made of the line is sent as it is."""


def printed_call(said: str, part: str) -> str:
    """The lines of the example that has this part in its first, as they stand."""
    start = said.rindex("\n", 0, said.index(part)) + 1
    return said[start : said.index("\n\n", start)]


def run_by_sh(call: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run it in an environment that knows nothing of Holdfast; a curl is put into the folder if there is none."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    if shutil.which("curl") is None:
        write_curl(folder)
        environ["PATH"] = f"{folder}{os.pathsep}{environ['PATH']}"
    return subprocess.run(["sh", "-c", call], env=environ, capture_output=True, text=True, timeout=60, check=False)


def write_curl(folder: Path) -> None:
    """Put a program into the folder that does what the printed call needs of curl."""
    curl = folder / "curl"
    curl.write_text(_CURL.format(python=sys.executable))
    curl.chmod(0o700)
