#!/usr/bin/env python3
"""Set up ``.venv`` and run the project in it: needs Python 3.10 or later with venv or pip, and nothing else.

    python3 tests/run.py demo           show what the library does, on a fake server
    python3 tests/run.py                run all checks and tests, as the continuous integration does
    python3 tests/run.py checks         only the linters, the type checkers and the coverage of the core
    python3 tests/run.py tests ARG...   only the tests; the arguments go to pytest
    python3 tests/run.py matrix ARG...  only the matrix: every generation of Gradio (--help says what it takes)
    python3 tests/run.py clients ARG...  only the official clients of many versions, with the fake server (and --help)
    python3 tests/run.py drift ARG...   only the differences between real Gradios and the fake ones (and --help)
    python3 tests/run.py results ARG...  only the conformance suite on real Gradios, compared with what is kept (--help)
    python3 tests/run.py --without-matrix   without those four: they want Python 3.11, node, gigabytes

The first run downloads what is missing, and so does one after a change of pyproject.toml; the others begin at once.
"""

# This file is read by whatever Python there is, so that an old one can be told what it lacks: no newer syntax here.

import hashlib
import importlib.util
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
SCRIPTS = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(SCRIPTS, "python.exe" if os.name == "nt" else "python")

# What each kind of set-up installs. The second has everything that the first has.
INSTALLS = {
    "user": ["-e", ".[all]"],
    "development": ["-e", ".[all]", "--group", "dev"],
}

PACKAGES = ["gradproto", "gradproto_transports", "gradproto_fake_server", "gradproto_conformance"]

CHECKS = [
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["mypy"],
    ["pyright"],
    *[["pyright", "--verifytypes", package, "--ignoreexternal"] for package in PACKAGES],
]

# The core's own tests, which need neither network nor threads, must reach every branch of it.
COVERAGE = [
    ["coverage", "run", "-m", "pytest", "-q", "tests/core"],
    ["coverage", "report", "--fail-under=100"],
]

# The behaviour of the clients with a real server of each generation of Gradio.
MATRIX = ["tests.matrix"]

# Gradio's own clients, in many versions, with the fake server as the Gradio of their time.
CLIENTS = ["tests.clients"]

# The same requests to the real Gradio of each generation and to the fake one, compared.
DRIFT = ["tests.drift"]

# The conformance suite on real Gradios, and what came of it when it was last kept.
RESULTS = ["tests.conformance.results"]

STEPS = {
    "checks": [*CHECKS, *COVERAGE],
    "--without-matrix": [*CHECKS, *COVERAGE, ["pytest"]],
    # A machine with another Python alone, or without node, runs everything else, and is told so.
    "all": [
        *CHECKS,
        *COVERAGE,
        ["pytest"],
        [*MATRIX, "--if-python"],
        [*DRIFT, "--if-python"],
        [*RESULTS, "--check", "--dialects", "--if-python"],
        [*CLIENTS, "--if-possible"],
    ],
}


def main(words):
    """Run what the words ask for; return the exit code."""
    if sys.version_info < (3, 10):  # noqa: UP036 - that it is older is what this line is for
        return complain("Python 3.10 or later is needed, and this is " + sys.version.split()[0])
    what = words[0] if words else "all"
    if what == "demo" and len(words) == 1:
        set_up("user")
        return run(["gradproto_transports.cli", "demo"])
    if what == "tests":
        set_up("development")
        return run(["pytest", *words[1:]])
    others = {"matrix": MATRIX, "drift": DRIFT, "clients": CLIENTS, "results": RESULTS}
    if what in others:
        set_up("development")
        return run([*others[what], *words[1:]])
    if what in STEPS and len(words) <= 1:
        set_up("development")
        code = run_all(STEPS[what])
        if what == "--without-matrix":
            print("\nThe matrix of Gradio's versions, drift, results and official clients were left out, as asked for.")
        return code
    print(__doc__)
    return 0 if what in ("help", "-h", "--help") else 2


def complain(why):
    """Say in one line why it does not go on."""
    print("tests/run.py: " + why, file=sys.stderr)
    return 1


def run(module_and_arguments):
    """Run a module in the virtual environment."""
    return subprocess.call([PYTHON, "-m", *module_and_arguments], cwd=ROOT, env=environment())


def run_all(steps):
    """Run every step, whatever became of those before it."""
    failed = []
    for step in steps:
        print("\n== " + " ".join(step), flush=True)
        began = time.monotonic()
        if run(step) != 0:
            failed.append(" ".join(step))
        print(f"-- {time.monotonic() - began:.0f} s", flush=True)
    for step in failed:
        complain("failed: " + step)
    return 1 if failed else 0


def environment():
    """Return the environment for what runs inside: nothing reports home, and nothing of another Python gets in."""
    result = dict(os.environ, GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1", VIRTUAL_ENV=VENV)
    result.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_ROOT_USER_ACTION="ignore")
    result["PATH"] = SCRIPTS + os.pathsep + result.get("PATH", os.defpath)
    for name in ("PYTHONHOME", "PYTHONPATH"):
        result.pop(name, None)
    return result


def set_up(kind):
    """Make the virtual environment and install what belongs to ``kind``, unless that was done before."""
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        wanted = hashlib.sha256(file.read()).hexdigest()
    if usable() and wanted in (stamp("development"), stamp(kind)):
        return
    print(f"setting up {VENV}, which takes a minute or two ...", flush=True)
    if not usable():
        make_venv()
    # pip knows dependency groups since 25.1; what comes with Python is often older.
    install("--upgrade", "pip>=25.1")
    install(*INSTALLS[kind])
    with open(stamp_path(kind), "w") as file:
        file.write(wanted)


def stamp_path(kind):
    """Return where it is noted for which pyproject.toml ``kind`` was installed."""
    return os.path.join(VENV, "gradproto-" + kind)


def stamp(kind):
    """Return what is noted there."""
    try:
        with open(stamp_path(kind)) as file:
            return file.read()
    except OSError:
        return None


def usable():
    """Whether there is a virtual environment with a Python that is new enough, and with pip."""
    if not os.path.exists(PYTHON):
        return False
    probe = "import sys, pip; sys.exit(sys.version_info < (3, 10))"
    return subprocess.call([PYTHON, "-c", probe], stderr=subprocess.DEVNULL, env=environment()) == 0


def make_venv():
    """Make the virtual environment, also where the system keeps half of venv in a package of its own."""
    has_venv, has_ensurepip, has_pip = (
        importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip", "pip")
    )
    if not has_venv or not (has_ensurepip or has_pip):
        sys.exit(complain("this Python has no venv (on Debian and Ubuntu: apt install python3-venv)"))
    check([sys.executable, "-m", "venv", VENV, *([] if has_ensurepip else ["--without-pip"])])
    if not has_ensurepip:
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        packages = subprocess.check_output([PYTHON, "-c", where], env=environment()).decode().strip()
        check([sys.executable, "-m", "pip", "install", "--quiet", "--target", packages, "pip"])
    if not usable():
        sys.exit(complain(f"{VENV} cannot be used; remove it and try again"))


def install(*what):
    """Install packages into the virtual environment."""
    check([PYTHON, "-m", "pip", "install", "--quiet", *what])


def check(command):
    """Run a command of the set-up; if it fails, that is the end."""
    if subprocess.call(command, cwd=ROOT, env=environment()) != 0:
        sys.exit(complain("this failed: " + " ".join(command)))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
