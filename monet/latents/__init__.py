"""What each latent of a checkpoint does to an object, and what the latents know: ``python -m monet.latents``."""
