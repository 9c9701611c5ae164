"""No text ever becomes code: no call that runs, unpickles or shells out stands anywhere in the packages (threats.md, cases 5 and 6)."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "retrieval", "ingest", "prompts", "eval")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
BUILT_IN = {"exec", "eval", "compile", "__import__"}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "code", "codeop"}
NAMED = {
    "os.system", "os.popen", "os.execv", "os.execve", "os.execvp", "os.spawnl", "os.spawnv", "pty.spawn",
    "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell",
    "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "yaml.unsafe_load_all",
    "pandas.read_pickle", "pandas.eval", "runpy.run_path", "runpy.run_module",
}  # fmt: skip
SAFE_LOADERS = {"SafeLoader", "CSafeLoader"}


def findings(source: str) -> list[str]:
    """Every dangerous call or import of a module's source, as "line: what"."""
    tree = ast.parse(source)
    looked_at = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom | ast.Call)]
    names = _names(looked_at)
    return [f"{node.lineno}: {what}" for node in looked_at for what in _dangers(node, names)]


def _names(nodes: Sequence[ast.AST]) -> dict[str, str]:
    """What each imported name stands for, in full."""
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _dangers(node: ast.AST, names: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        yield from (f"import {name}" for name in modules if name.partition(".")[0] in MODULES)
    if not isinstance(node, ast.Call):
        return
    called, given = _full(node.func, names), {k.arg: k.value for k in node.keywords}
    if called in BUILT_IN or called.partition(".")[0] in MODULES:
        yield called
    if called in NAMED and not (called.startswith("yaml.load") and _safely(node, given)):
        yield called
    shell = given.get("shell")
    if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
        yield f"{called}(shell=…)"
    weights = given.get("weights_only")
    if called in ("torch.load", "torch.jit.load") and not (isinstance(weights, ast.Constant) and weights.value is True):
        yield f"{called} without weights_only=True"
    allowed = given.get("allow_pickle")
    if allowed is not None and not (isinstance(allowed, ast.Constant) and allowed.value is False):
        yield f"{called}(allow_pickle=…)"


def _safely(call: ast.Call, given: dict[str | None, ast.expr]) -> bool:
    loader = given.get("Loader") or (call.args[1] if len(call.args) > 1 else None)
    return loader is not None and _full(loader, {}).rpartition(".")[2] in SAFE_LOADERS


def _full(node: ast.expr, names: dict[str, str]) -> str:
    """A dotted name as it would be imported; "" for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{_full(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("package", PACKAGES)
def test_no_dangerous_call(package: str) -> None:
    files = [path for path in FILES if path.is_relative_to(ROOT / package)]
    found = [
        f"{path.relative_to(ROOT)}:{what}" for path in files for what in findings(path.read_text(encoding="utf-8"))
    ]
    assert files and not found, f"{len(files)} files: {found}"


@pytest.mark.parametrize(
    "source",
    [
        "exec('1')",
        "x = eval(text)",
        "compile(t, 'f', 'exec')",
        "import pickle",
        "from joblib import load",
        "import pickle as p\np.loads(b'')",
        "import os\nos.system('ls')",
        "from os import system as s\ns('ls')",
        "import subprocess as sp\nsp.run('ls', shell=True)",
        "subprocess.Popen(c, shell=flag)",
        "import yaml\nyaml.load(t)",
        "yaml.load(t, Loader=yaml.Loader)",
        "from yaml import unsafe_load\nunsafe_load(t)",
        "import torch\ntorch.load('x')",
        "torch.load('x', weights_only=False)",
        "np.load('x', allow_pickle=True)",
        "__import__('os')",
    ],
)
def test_the_scan_finds_what_it_is_for(source: str) -> None:
    assert findings(source)


@pytest.mark.parametrize(
    "source",
    [
        "re.compile('a')",
        "yaml.safe_load(t)",
        "yaml.load(t, Loader=yaml.CSafeLoader)",
        "torch.load(p, weights_only=True)",
        "subprocess.run(['ls'])",
    ],
)
def test_the_scan_lets_the_harmless_pass(source: str) -> None:
    assert findings(source) == []
