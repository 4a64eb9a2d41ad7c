"""Measures the effect of each latent and how well the latents predict an object's true factors.

``python -m monet.latents NAME`` measures both; ``Latents.read`` reads the stored results.
"""

from monet.latents.features import FEATURES, Feature
from monet.latents.record import FILE, Effect, Latent, Latents, fingerprint

__all__ = ["FEATURES", "FILE", "Effect", "Feature", "Latent", "Latents", "fingerprint"]
