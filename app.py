"""Starts MONet Explorer: ``python app.py``, the same as ``monet-explorer``."""

import gc
import sys

gc.disable()  # garbage collection during the imports takes a seventh of the start and frees nothing

from monet.explorer.__main__ import App

app = App(sys.argv[1:] if __name__ == "__main__" else [], "python app.py")
demo = app.demo
gc.freeze()
gc.enable()

if __name__ == "__main__":
    app.serve()
