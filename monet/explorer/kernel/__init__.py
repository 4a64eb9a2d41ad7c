"""MONet as WebAssembly kernels, the decoder in one and attention and encoder in another: C source, and how to build it."""
