"""What each latent of a checkpoint does, and what the latents know of the objects.

``python -m monet.latents NAME`` measures both; ``Latents.read`` gives what was measured."""

from monet.latents.features import FEATURES, Feature
from monet.latents.record import FILE, Effect, Latent, Latents, fingerprint

__all__ = ["FEATURES", "FILE", "Effect", "Feature", "Latent", "Latents", "fingerprint"]
