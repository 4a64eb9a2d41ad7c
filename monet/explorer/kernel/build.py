"""Builds the WebAssembly kernels from their C sources: ``python -m monet.explorer.kernel.build``.

The compiler is clang from the ``ziglang`` wheel, pinned because the same version gives the same bytes
(``pip install ziglang==0.17.1``). Only developers need it, because the package contains the binaries.
``build.json`` records the sources, compiler and flags of the binaries.
"""

import hashlib
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

ZIGLANG = "0.17.1"
FOLDER = Path(__file__).parent
RECORD = FOLDER / "build.json"
BINARIES = FOLDER.parent / "static" / "engine"
KERNELS = ("decoder", "network")
"""Each is one C file in ``FOLDER``, and two binaries in a folder of its name in ``BINARIES``."""
INSTRUCTIONS = {
    f"{kernel}/{kernel}{suffix}.wasm": instructions
    for kernel in KERNELS
    for suffix, instructions in (("", "simd128"), ("_relaxed", "simd128+relaxed_simd"))
}
FLAGS = [
    *("-target", "wasm32-freestanding", "-std=c11", "-O3", "-nostdlib", "-Wall", "-Wextra", "-Werror"),
    *("-fno-vectorize", "-fno-slp-vectorize"),  # the source has explicit vectors
    *("-mllvm", "-disable-lsr"),  # keeps constant offsets inside the load instructions, about 5 % faster
    *("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=8192"),
]


def fingerprint() -> dict:
    """Compiler, flags, and SHA-256 of the current sources and binaries; equals ``build.json`` after a build."""
    sources = sorted((*FOLDER.glob("*.c"), *FOLDER.glob("*.h")))
    hashes = {s.name: hashlib.sha256(s.read_text(encoding="utf-8").encode()).hexdigest() for s in sources}
    hashes |= {name: hashlib.sha256((BINARIES / name).read_bytes()).hexdigest() for name in INSTRUCTIONS}
    return {"ziglang": ZIGLANG, "flags": FLAGS, "instructions": INSTRUCTIONS, "sha256": hashes}


def build() -> None:
    """Compiles all binaries and writes ``build.json``.

    Raises:
        SystemExit: the pinned compiler is not installed.
        subprocess.CalledProcessError: a source does not compile.
    """
    try:
        found = importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found != ZIGLANG:
        raise SystemExit(f"The build needs ziglang {ZIGLANG}, found {found}: pip install ziglang=={ZIGLANG}")

    for name, instructions in INSTRUCTIONS.items():
        binary = BINARIES / name
        binary.parent.mkdir(parents=True, exist_ok=True)
        cpu = f"-mcpu=generic+bulk_memory+{instructions}"
        compiler = [sys.executable, "-m", "ziglang", "cc"]
        source = FOLDER / f"{binary.parent.name}.c"
        subprocess.run([*compiler, cpu, *FLAGS, "-o", str(binary), str(source)], check=True)
        print(f"{name}: {binary.stat().st_size} bytes")
    RECORD.write_text(json.dumps(fingerprint(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    build()
