"""Writes a recipe for a data set from measurements of its pictures; labels are not needed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from monet import checkpoints
from monet.checkpoints import Checkpoint
from monet.data import stores
from monet.model import MONetConfig
from monet.pictures import How
from monet.training import memory
from monet.training.look import Look, blocks, known_weights, look, things
from monet.training.recipe import VAE

CONTRAST = 0.106
"""Contrast of the sprites over coloured backgrounds, for which the paper's scales are right."""
SCALES = (0.09, 0.11)
"""The paper's scales of the background and of the other slots."""
STRETCH: How = "stretch"
"""Fit of pictures that are not square for pretrained weights, which mistake black bars for objects. On shapes on
textured ground, 96 x 72 pixels, ARI-FG before the first step was 0.80 stretched and 0.63 padded."""
SMALL = 2000
"""Number of training pictures below which they are rotated and mirrored at random."""
WIDTHS = (16, 16, 32, 64, 128)
"""Widths of the attention's blocks when training from scratch."""
ATTENTION, FROM_WEIGHTS, FROM_NOTHING = 2000, 3600, 7300
"""Steps until the attention is frozen, and to the end with and without pretrained weights: about twenty minutes with
one thread at 64 x 64 pixels (AVX-512 with bfloat16)."""


def make(data: str, how: How | None = None, weights: str | None = None) -> str:
    """Writes a recipe for a data set, TOML with comments.

    Args:
        data: a generated data set's name, or the name or path of stored scenes.
        how: how to make pictures square; if None, in a way that cuts nothing away.
        weights: checkpoint to start from; if None, the one that reconstructs the pictures best, if there is one.

    Raises:
        ValueError: no such data or checkpoint.
    """
    seen = look(data, how)
    if weights:
        chosen: Checkpoint | None = checkpoints.read(weights)
        because = "given on the command line"
    else:
        best = known_weights(seen)
        chosen = best[0] if best else None
        because = f"they reconstruct these pictures best, MSE {best[1]:.4f}" if best else ""
    if chosen and how is None and not seen.square:
        seen = replace(seen, how=STRETCH)
    name = data if data in stores() else str(Path(data).resolve()) if Path(data).exists() else data
    body = _from_weights(seen, chosen, weights or chosen.name, because) if chosen else _from_nothing(seen)
    return "\n\n".join((_head(name, seen), *body)) + "\n"


def _head(name: str, seen: Look) -> str:
    low, high = seen.sizes
    size = f"{low} to {high} pixels a side" if low != high else f"{low} x {low} pixels"
    count = f"{seen.count} training pictures" if seen.count else "Generated pictures, unlimited"
    fitted = "All are square."
    if not seen.square:
        fitted = f"""They are not square: "{seen.how}" makes them square. "pad"
# keeps everything, on black; "stretch" keeps all but the proportions; "crop" keeps the central square."""
    small = seen.count is not None and seen.count < SMALL
    return f"""\
# Made from the data by python -m monet.training; the run in this folder uses it. Change it as you like: a resumed run
# uses the changes, except in [model], because another network needs another run.

# {count}, {size}. {fitted}
data = {json.dumps(name, ensure_ascii=False)}
fit = "{seen.how}"
# Rotating and mirroring makes eight times as many pictures of few. Not for scenes with an up and a down.
symmetric = {"true" if small else "false"}

# One slot explains all three channels of a pixel; the reference's mixture per channel lets two slots share an object.
likelihood = "joint"

# Pictures per step. Few, because on a CPU the number of steps is the limit.
batch_size = {memory.batch(seen.resolution, 8, seen.count)}
save_every = 100
seed = 0"""


def scales(seen: Look) -> tuple[float, float]:
    """Returns the standard deviations of the components, background and foreground.

    The paper's, scaled down in proportion if the contrast is below ``CONTRAST``, but not below twice the noise.
    """
    factor = min(1.0, max(seen.contrast / CONTRAST, 0.25))
    background, foreground = (round(max(scale * factor, 2 * seen.noise), 3) for scale in SCALES)
    return background, max(foreground, background)


def _scales(seen: Look) -> str:
    background, foreground = scales(seen)
    return f"""\
# The paper's scales, 0.09 and 0.11, times the contrast of the pictures, {seen.contrast:.3f} (sprites: {CONTRAST}),
# and at least twice their noise, {seen.noise:.3f}. Smaller scales give slots to finer things and may split the ground.
background_scale = {background}
foreground_scale = {foreground}"""


def _from_weights(seen: Look, chosen: Checkpoint, name: str, because: str) -> tuple[str, ...]:
    config, slots = chosen.config, things(checkpoints.load(chosen), seen)
    shape = {field: getattr(config, field) for field in (*VAE, "attention_channels", "attention_hidden")}
    default = MONetConfig()
    own = {**shape, "log_mask_floor": config.log_mask_floor}
    lines = [f"{field} = {_toml(value)}" for field, value in own.items() if value != getattr(default, field)]
    mid, end = ATTENTION, FROM_WEIGHTS
    return (
        f"# The run starts from these weights for {config.resolution} x {config.resolution} pixels: {because}.\n"
        f"weights = {json.dumps(name, ensure_ascii=False)}\nevaluate_every = {end // 10}",
        f"""[model]
resolution = {config.resolution}
# With twelve slots, these weights use at most this many in nine of ten pictures, including the background's. Too many
# slots cut objects in two; with too few, objects share slots.
num_slots = {slots}
# The shape of these weights.
{chr(10).join(lines)}
{_scales(seen)}""",
        f"""\
# All slots at once, so object counts are not needed. A random quarter of each picture is decoded per step: 2.3 times as
# many steps in the same time. On shapes on textured ground the held-out loss was best at step 1,440. ARI-FG was 0.95
# before the first step, 0.94 at 1,100 and 0.93 at the end, on 96 scenes with a standard error of 0.02.
[[stages]]
until = {mid}
window = {config.resolution // 2}""",
        f"""\
# Then the attention is frozen and the VAE converges: the app draws edited objects from it. On shapes on textured ground
# the latent KL fell from 116 to 99 nats a picture and the mask KL from 211 to 203 on held-out pictures; ARI-FG of the
# decoder's masks stayed at 0.50.
[[stages]]
until = {end}
window = {config.resolution // 2}
learn = "vae\"""",
        f"""[schedules]
learning_rate = [[0, 1e-5], [200, 4e-4], [{mid * 7 // 10}, 4e-4], [{mid}, 1e-5], [{mid + 30}, 6e-4], [{end}, 1e-5]]
# Masks first; then latents near the prior, so that every value of a slider draws something: see multi_dsprites.toml.
gamma = [[{mid}, 0.5], [{mid + 1}, 5]]
beta = [[{mid}, 0.5], [{mid + 1}, 1], [{(mid + end) // 2}, 5]]
clip = [[{mid}, 2500], [{mid + 1}, 15000]]""",
    )


def _from_nothing(seen: Look) -> tuple[str, ...]:
    side, slots = seen.resolution, 6
    ends = [FROM_NOTHING * share // 100 for share in (20, 37, 55, 82, 100)]
    stride = max(s for s in (1, 2, 4) if s * 16 <= side)
    stages = [
        f"[[stages]]\nuntil = {end}\nslots = {count}\nstride = {stride}"
        for end, count in zip(ends[:-1], (2, 3, 4, slots), strict=True)
    ]
    window = f"\nwindow = {side // 2}" if side % 2 == 0 else ""
    border = f"\n# The pictures have a black border.\npicture_size = {seen.side}" if seen.side != side else ""
    return (
        "# About the median norm of the attention's gradient: rare spikes otherwise inflate Adam's denominator.\n"
        f"clip = 2500\nevaluate_every = {FROM_NOTHING // 10}",
        f"""[model]
resolution = {side}{border}
# The background and five things; a guess.
num_slots = {slots}
# Outside a slot, log m_k otherwise falls by six nats with every slot, and the encoder must learn each slot's level.
log_mask_floor = -6
attention_channels = {_toml(WIDTHS[: blocks(side)])}
encoder_channels = {_toml((32, 32, 64, 64)[: blocks(side) - 1])}
encoder_activation = true
{_scales(seen)}""",
        "# More slots stage by stage; a lattice of pixels is decoded, enough to learn place, size and colour.\n"
        "# Training from scratch is weak: on shapes on textured ground the six slots were colour clusters, ARI-FG\n"
        "# 0.38 at step 4,449. Pretrained weights (weights = ...) are much better.\n" + "\n\n".join(stages),
        "# Windows without gaps at the end: a lattice leaves components and decoded masks slightly wrong.\n"
        f"[[stages]]\nuntil = {ends[-1]}\nslots = {slots}{window}",
        f"""[schedules]
learning_rate = [[0, 1e-4], [200, 1e-3], [{ends[-1] * 7 // 10}, 1e-3], [{ends[-1]}, 1e-5]]
# Twice the scales until masks and coarse components have converged.
scale_factor = [[0, 2.0], [{ends[1]}, 2.0], [{ends[3]}, 1.0]]""",
    )


def _toml(value: object) -> str:
    """Formats a number, a boolean or a tuple of numbers as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else str(value)
