"""A wheel built from the checkout works in a fresh environment; the Makefile works where paths hold spaces."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tracked_copy(target: Path) -> Path:
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if source.is_file() and not source.is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / name)
    return target


@pytest.mark.slow
def test_a_wheel_lists_variants_and_runs_in_a_fresh_environment(tmp_path):
    source = tracked_copy(tmp_path / "source")
    # with the setuptools that is here: another would have to be fetched
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    run([*build, "--outdir", str(tmp_path / "dist"), str(source)])
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    venv.create(tmp_path / "fresh", with_pip=False)
    scripts = tmp_path / "fresh" / ("Scripts" if os.name == "nt" else "bin")
    python = str(scripts / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index"]
    run([*pip, str(wheel)])
    site = run([python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]).strip()
    # last on the path, and without its .pth files: the wheel's own modules are found, not the checkout's
    (Path(site) / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    found = run([python, "-c", "import fusebench.fusion as f; print(f.__file__)"], cwd=elsewhere)
    assert str(tmp_path / "fresh") in found
    command = [
        python,
        "-m",
        "fusebench",
        "run",
        "smoke",
        "--variants",
        "late_mean",
        "--datasets",
        "digits_sklearn",
    ]
    run(command, cwd=elsewhere)
    assert (elsewhere / "results" / "smoke" / "suite.json").is_file()
    assert (elsewhere / "reports" / "smoke" / "index.html").is_file()
    assert not (Path(site) / "fusebench" / "results" / "smoke").exists()


@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs the project's virtual environment")
def test_make_works_in_a_folder_with_a_space_and_an_umlaut(tmp_path):
    copy = tracked_copy(tmp_path / "a b" / "ü")
    environment = Path(sys.prefix)
    (copy / ".venv").symlink_to(environment, target_is_directory=True)
    helped = run(["make", "help"], cwd=copy)
    for target in ("bench", "report", "figures", "test", "lint", "data", "reference", "clean", "check"):
        assert f"\n  {target} " in helped
    make = ["make", "-o", ".venv/.installed"]  # the environment is there; it need not be up to date
    run([*make, "bench", "SUITE=smoke", "ARGS=--variants early_concat_logreg --datasets digits_sklearn"], cwd=copy)
    assert (copy / "reports" / "smoke" / "index.html").is_file()
    assert "accuracy.png" in run([*make, "figures", "SUITE=smoke", "FIG=accuracy"], cwd=copy)
    cleaned = run(["make", "clean", "SUITE=smoke"], cwd=copy)
    assert "removing results/smoke" in cleaned
    assert not (copy / "results" / "smoke").exists()
    assert (copy / "results" / "store.py").is_file()


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("suite", ["reference", "figures", "..", "a/b", ""])
def test_make_clean_removes_runs_only(tmp_path, suite):
    for kept in ("results/reference", "reports/figures", "a/b"):
        (tmp_path / kept).mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", tmp_path / "Makefile")
    done = subprocess.run(["make", "clean", f"SUITE={suite}"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert (tmp_path / "results/reference").is_dir()
    assert (tmp_path / "reports/figures").is_dir()


@pytest.mark.parametrize(("version", "word"), [((3, 10), "too old"), ((3, 99), "no wheels")])
def test_the_bootstrap_refuses_other_pythons_in_one_sentence(version, word):
    code = f"import sys, runpy; sys.version_info = {(*version, 0, 'final', 0)!r}; sys.argv = ['x', '/nowhere'];"
    code += f"runpy.run_path({str(ROOT / '.ci' / 'bootstrap.py')!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
