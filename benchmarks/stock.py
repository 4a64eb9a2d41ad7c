"""Stock Gradio app for comparison: ``gr.Slider`` and ``gr.Image`` around the notebook's decoder.

python -m benchmarks.stock --port PORT
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
import numpy as np
import torch

from benchmarks.network import both, notebook_decoder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    z = torch.zeros(1, 16)
    decoder = notebook_decoder(both(1)[1], z)

    def decode(value: float) -> np.ndarray:
        z[0, 0] = value
        means, _ = decoder()
        return (means[0].clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()

    with gr.Blocks() as demo:
        slider = gr.Slider(-4, 4, value=0, step=0.001, label="latent 0")
        image = gr.Image(decode(0), label="component")
        slider.input(decode, slider, image)
    demo.launch(server_port=options.port, ssr_mode=False)


if __name__ == "__main__":
    main()
