"""The source distribution of the installed Django, and what its tests import."""

import subprocess
import sys
import tarfile
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".django-tests"
# Of the suite's optional requirements, those that need a compiler or a browser. Tests
# that want them are skipped.
LEFT_OUT = ("pylibmc", "pywatchman", "selenium")


def fetch():
    """Return the folder of Django's sources, from the package index if need be."""
    version = django.get_version()
    folder = FOLDER / f"django-{version}"
    if not folder.is_dir():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        source = ["--no-binary=django", f"--dest={FOLDER}", f"Django=={version}"]
        subprocess.run([*pip, *source], check=True)
        (archive,) = FOLDER.glob(f"[dD]jango-{version}.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(FOLDER, filter="data")
        archive.unlink()
        for unpacked in FOLDER.glob(f"[D]jango-{version}"):
            unpacked.rename(folder)
    return folder


def install_requirements(folder):
    """Install what the suite's tests import, once for each environment."""
    wanted = (folder / "tests" / "requirements" / "py3.txt").read_text().splitlines()
    kept = [line for line in wanted if line and not line.startswith(("#", *LEFT_OUT))]
    file = Path(sys.prefix) / ".django-tests.txt"
    if not file.exists() or file.read_text().splitlines() != kept:
        new = file.with_suffix(".new")
        new.write_text("\n".join(kept))
        pip = [sys.executable, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"--requirement={new}"], check=True)
        new.rename(file)
