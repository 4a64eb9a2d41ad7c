"""MONet Explorer: ``python app.py`` opens a page that takes scenes apart; ``monet-explorer`` does the same."""

import gc
import sys

gc.disable()  # looking for garbage in what imports leave behind is a seventh of the start, and finds none

from monet.explorer.__main__ import App

app = App(sys.argv[1:] if __name__ == "__main__" else [], "python app.py")
demo = app.demo
gc.freeze()
gc.enable()

if __name__ == "__main__":
    app.serve()
