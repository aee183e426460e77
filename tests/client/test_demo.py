import subprocess
import sys

from tacit.client import demo


def test_the_demo_does_what_it_says() -> None:
    command = [sys.executable, "-m", "tacit.client.cli", "demo"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[-1] == "demo: ok"
    assert any(line.startswith("  step") for line in lines), "progress is shown"
    for name in demo._REFERENCE:
        assert name in shown.stdout
    assert "theta[0]" in shown.stdout
    assert "theta[8]" not in shown.stdout, "the service counts from 0"
