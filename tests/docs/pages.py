"""Runs what a page of the documentation shows.

On a page, in order:

- a fence `console` holds commands (`$ ...`, continued after a backslash) and below each of them, where it matters, what
  it prints; `...` stands for anything. `tacit up`, `api` and `worker` run until the page ends or says `<!-- stop -->`;
- a fence `python` is run, in the names of the fences before it; a fence `text` right below is what it prints;
- a fence with a `title` that is a file name is written into that file;
- a fence whose title begins with "not run by the tests" is not run, and says so to the reader.
"""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tacit.client import Client
from tests.running import Up, wait_for

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOT_RUN = "not run by the tests"

_FENCE = re.compile(r'^```(\w*)(?: title="([^"]*)")?\n(.*?)^```$|^<!-- (stop) -->$', re.MULTILINE | re.DOTALL)
_SERVES = re.compile(r"\btacit (up|api|worker)\b")
_ADDRESS = re.compile(r"(?:localhost|127\.0\.0\.1):8000")
_END = "\x1e"


@dataclass(frozen=True)
class Block:
    """A fence of a page, or the mark `stop`."""

    kind: str
    title: str
    text: str
    follows: bool
    """Whether nothing but white space lies between the block before and this one."""

    @property
    def is_run(self) -> bool:
        return not self.title.startswith(NOT_RUN)

    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command, and what it is said to print."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            length = next(number for number, line in enumerate(lines, 1) if not line.endswith("\\"))
            yield "\n".join(lines[:length]), "\n".join(lines[length:]).strip()


def blocks(path: Path) -> list[Block]:
    """The fences of a page, in order."""
    text, found, end = path.read_text(encoding="utf-8"), [], 0
    for each in _FENCE.finditer(text):
        kind, title, body, stop = each.groups()
        found.append(Block(stop or kind, title or "", body or "", follows=not text[end : each.start()].strip()))
        end = each.end()
    return found


@dataclass
class Reader:
    """Someone who does what a page says, in a folder of their own.

    Args:
      folder: where.
      env: the environment of commands.
      address: `host:port` of the service, in the place of localhost:8000; the page's own `tacit up` changes it.
      replace: what stands on the page, and what it is here.
    """

    folder: Path
    env: dict[str, str]
    address: str = ""
    replace: Mapping[str, str] = field(default_factory=dict)
    _servers: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    _shell: "_Shell | None" = None

    def read(self, path: Path) -> None:
        """Does all of it; fails where something is not as the page says."""
        names: dict[str, Any] = {}
        printed = ""
        try:
            for block in blocks(path):
                if block.kind == "stop":
                    self._stop()
                elif not block.is_run:
                    continue
                elif block.title:
                    (self.folder / block.title).write_text(self._here(block.text), encoding="utf-8")
                elif block.kind == "console":
                    self._commands(block)
                elif block.kind == "python":
                    printed = self._python(block.text, path.name, names)
                elif block.kind == "text" and block.follows:
                    _compare(block.text, printed, f"the Python above in {path.name}")
        finally:
            for client in names.values():
                if isinstance(client, Client):
                    client.close()
            if self._shell is not None:
                self._shell.close()
            self._stop()

    def _here(self, text: str) -> str:
        for there, here in self.replace.items():
            text = text.replace(there, here)
        return _ADDRESS.sub(self.address, text) if self.address else text

    def _commands(self, block: Block) -> None:
        for command, expected in block.commands():
            serves = _SERVES.search(command)
            if serves and not command.startswith("docker"):
                printed = self._serve(command, serves[1])
            else:
                if self._shell is None:
                    self._shell = _Shell(self.folder, self.env)
                printed = self._shell.run(self._here(command))
            if expected:
                shown = printed.replace(self.address, "localhost:8000") if self.address else printed
                _compare(_ADDRESS.sub("localhost:8000", expected), shown, command)

    def _serve(self, command: str, part: str) -> str:
        """Starts a service, and waits until it can be used."""
        log = self.folder / f"server-{len(self._servers)}.log"
        exports = self._shell.exports() if self._shell is not None else {}
        for there, here in self.replace.items():
            command = command.replace(there, here)
        # The shell gives way to the command behind the assignments, so that a signal reaches that.
        words = re.match(r"((?:\w+=\S+ )*)(.*)", command, flags=re.DOTALL)
        assert words is not None
        with log.open("wb") as output:
            server = subprocess.Popen(
                ["bash", "-c", f"{words[1]}exec {words[2].replace('--port 8000', '--port 0')}"],
                cwd=self.folder,
                env=self.env | {"TACIT_PORT": "0"} | exports,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._servers.append(server)
        ready = {
            "up": r"Tacit is ready at http://(\S+)",
            "api": r"running on http://(\S+:\d+)",
            "worker": r"()cleaning registries",
        }[part]

        def look() -> re.Match[str] | None:
            text = log.read_text()
            assert server.poll() is None, text
            return re.search(ready, text)

        found = wait_for(look, what=f"{command!r} to be ready")
        if found[1]:
            self.address = found[1]
            self.env["TACIT_URL"] = f"http://{self.address}"
            if self._shell is not None:
                self._shell.run(f"export TACIT_URL=http://{self.address}")
        return log.read_text()

    def _stop(self) -> None:
        """What Ctrl-C does; a test that runs in the background could not send that."""
        servers, self._servers = self._servers, []
        with contextlib.ExitStack() as ends:
            # In the order of their start, so that they end in the other; one that ends badly keeps none from ending.
            for server in servers:
                ends.callback(_end, server)

    def _python(self, text: str, name: str, names: dict[str, Any]) -> str:
        out = io.StringIO()
        before = {variable: os.environ.get(variable) for variable in ("TACIT_URL", "TACIT_API_KEY")}
        os.environ.update({variable: self.env[variable] for variable in before if variable in self.env})
        try:
            with contextlib.chdir(self.folder), contextlib.redirect_stdout(out):
                exec(compile(self._here(text), name, "exec"), names)
        finally:
            for variable, value in before.items():
                os.environ.pop(variable, None)
                if value is not None:
                    os.environ[variable] = value
        return out.getvalue()


class _Shell:
    """One bash for all commands of a page. They come through a pipe of their own, so that none eats the next."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        read, self._write = os.pipe()
        loop = (
            f"while IFS= read -r -d '' -u {read} line; do eval \"$line\" {read}<&-; printf '{_END}%s{_END}\\n' $?; done"
        )
        self._process = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", loop],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[read],
            text=True,
        )
        os.close(read)

    def run(self, command: str) -> str:
        """What the command prints. Fails where it does."""
        os.write(self._write, command.encode() + b"\0")
        printed = ""
        assert self._process.stdout is not None
        while not (ended := re.search(rf"{_END}(\d+){_END}\n\Z", printed)):
            line = self._process.stdout.readline()
            assert line, f"the shell ended at {command!r}: {printed}"
            printed += line
        printed = printed[: ended.start()]
        assert ended[1] == "0", f"{command!r} ended with {ended[1]}: {printed}"
        return printed

    def exports(self) -> dict[str, str]:
        """The variables of Tacit that were exported."""
        lines = self.run("env").splitlines()
        return dict(line.split("=", 1) for line in lines if re.match(r"(TACIT_\w+|REDIS_URL|AWS_\w+)=", line))

    def close(self) -> None:
        os.close(self._write)
        self._process.wait(timeout=30)
        assert self._process.stdout is not None
        self._process.stdout.close()


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        # An API by itself ends its work and then ends as the signal asks.
        assert server.wait(timeout=60) in (0, -signal.SIGTERM), "it did not stop well"
    finally:
        server.kill()
        server.wait()


def reader(folder: Path, *, jax_cache: Path, **given: Any) -> Reader:
    """A reader on this machine: what they type is what is installed here, and no setting is made yet."""
    env = {name: value for name, value in os.environ.items() if not re.match(r"TACIT_|REDIS_URL", name)}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    # `tacit models check` is given the compiled programs of the other tests, too: to compile is most of what it does.
    compiled = {"JAX_COMPILATION_CACHE_DIR": str(jax_cache), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1"}
    compiled["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    env |= {"TACIT_JAX_CACHE_DIR": str(jax_cache), "COLUMNS": "110", **compiled}
    return Reader(folder, env, **given)


def read(path: Path, service: Up, folder: Path, jax_cache: Path) -> None:
    """Does what a page says with a service that runs already."""
    address = service.address.removeprefix("http://")
    reading = reader(folder, jax_cache=jax_cache, address=address, replace={".venv/bin/": ""})
    reading.env["TACIT_URL"] = service.address
    reading.read(path)


def _compare(expected: str, printed: str, of: str) -> None:
    """White space counts as one space; `...` is anything."""
    wanted, shown = (" ".join(text.split()) for text in (expected, printed))
    pattern = ".*".join(re.escape(part.strip()) for part in wanted.split("...")).replace(".*", r"\s*.*?\s*")
    assert re.fullmatch(pattern, shown, flags=re.DOTALL), f"{of} printed\n{printed}\nand not\n{expected}"
