"""Writes `tacit/client/synchronous` from `tacit/client/asynchronous`: the same client without `await`.

python tools/make_sync.py            # write
python tools/make_sync.py --check    # exit with 1 if a file is not current
"""

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "tacit" / "client"
SOURCE, TARGET = FOLDER / "asynchronous", FOLDER / "synchronous"

HEADER = "# Written by tools/make_sync.py from tacit/client/asynchronous/{name}: edit that.\n"

# Patterns, in order, and what they become.
CHANGES = (
    (r"anyio\.to_thread\.run_sync\(([\w.]+), ", r"\1("),
    (r"^import anyio\.to_thread\n", ""),
    (r"^import anyio\n", "import time\n"),
    (r"anyio\.sleep", "time.sleep"),
    (r"anyio\.open_file", "open"),
    (r"\bawait ", ""),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\b(__)a(enter|exit)__", r"\1\2__"),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\ba(next|close|read|iter_bytes|iter_sse)\b", r"\1"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"\bAsyncBaseTransport\b", "BaseTransport"),
    (r"\bAsync([A-Z]\w+)\b", r"\1"),
    (r" for programs that use asyncio or Trio", ""),
    (r"\basynchronous\b", "synchronous"),
)


def translated(path: Path) -> str:
    """The synchronous form of a file."""
    text = path.read_text(encoding="utf-8")
    for pattern, replacement in CHANGES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    text = HEADER.format(name=path.name) + text
    # Names and lines that became shorter are sorted and broken otherwise.
    for command in (["check", "--quiet", "--fix", "--select", "I,F811"], ["format", "--quiet"]):
        arguments = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(TARGET / path.name), "-"]
        text = subprocess.run(arguments, input=text, text=True, capture_output=True, check=True).stdout
    return text


def main() -> int:
    sources = sorted(SOURCE.glob("*.py"))
    TARGET.mkdir(exist_ok=True)
    for path in sources:
        (TARGET / path.name).touch()  # imports are sorted as ours only if their files are there
    files = {TARGET / path.name: translated(path) for path in sources}
    if "--check" in sys.argv:
        stale = [str(path) for path, text in files.items() if path.read_text(encoding="utf-8") != text]
        print("\n".join(f"not current: {path}" for path in stale), end="")
        return 1 if stale else 0
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
