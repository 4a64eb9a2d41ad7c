"""Searches the sources for code that unpickles foreign files."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "monet").rglob("*.py"))]
RESTRICTED = ROOT / "monet" / "checkpoints" / "pickled.py"
"""The one module that may unpickle; it resolves names by a table, see tests/test_import.py."""

UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}


def unsafe(source: str) -> list[str]:
    """Calls that can run code from a file."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in UNPICKLERS]
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")[0]
            named = {alias.name for alias in node.names}
            if module in UNPICKLERS or (module in ("torch", "numpy") and named & {"load", "hub", "jit"}):
                found.append(f"from {node.module} import {', '.join(sorted(named))}")
        elif isinstance(node, ast.Call):
            call, options = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
            if call == "torch.load" and options.get("weights_only") != "True":
                found.append("torch.load without weights_only=True")
            if options.get("allow_pickle", "False") != "False" or options.get("weights_only", "True") != "True":
                found.append(f"{call} of pickles")
            if call.startswith(("torch.hub.", "torch.jit.", "torch.package.")) or call in ("eval", "exec"):
                found.append(call)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_unpickled_outside_the_restricted_reader(path):
    allowed = ["pickle"] if path == RESTRICTED else []
    assert unsafe(path.read_text(encoding="utf-8")) == allowed


def test_restricted_reader_replaces_both_ways_out_of_a_pickle():
    """The module may use its own unpickler only, never Python's."""
    tree = ast.parse(RESTRICTED.read_text(encoding="utf-8"))
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert {name for name in used if name.startswith("pickle.")} == {"pickle.Unpickler", "pickle.UnpicklingError"}
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    (subclass,) = (node for node in classes if "pickle.Unpickler" in map(ast.unparse, node.bases))
    methods = {node.name: ast.unparse(node) for node in subclass.body if isinstance(node, ast.FunctionDef)}
    assert {"find_class", "persistent_load"} <= methods.keys()
    assert not any("super()." in methods[name] for name in ("find_class", "persistent_load"))


@pytest.mark.parametrize(
    "source",
    ["import pickle", "import dill as d", "from pickle import loads", "from torch import load", "import joblib.memory",
     "torch.load(path)", "torch.load(path, weights_only=False)", "torch.load(path, weights_only=flag)",
     "np.load(path, allow_pickle=True)", "torch.hub.load('a', 'b')", "torch.jit.load(path)", "f(lambda: eval(text))",
     "def f():\n    import pickle\n    return pickle.loads(x)"],
)  # fmt: skip
def test_that_would_be_found(source):
    assert unsafe(source)


def test_harmless_is_not_found():
    assert not unsafe("torch.load(path, weights_only=True)\nnp.load(p)\nimport pickletools\njson.load(f)\nmodel.eval()")
