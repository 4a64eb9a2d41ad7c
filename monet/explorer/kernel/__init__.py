"""C sources and build script of the WebAssembly kernels: decoder, and network (attention and encoder)."""
