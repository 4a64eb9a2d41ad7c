"""The spatial broadcast decoder as a WebAssembly kernel: its C source and how to build it."""
