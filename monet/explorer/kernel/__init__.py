"""MONet as two WebAssembly kernels, decoder and network (attention and encoder): C sources, and how to build them."""
