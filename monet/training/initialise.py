"""He initialisation of the VAE with a small posterior, so that components and latents train from the first steps."""

from __future__ import annotations

from torch import nn

from monet.model import MONet


def initialise(model: MONet) -> None:
    """Sets He weights for the VAE and a narrow initial posterior.

    With PyTorch's default weights the latent's signal shrinks below the unit noise over nine layers, and components
    stay grey for thousands of steps.
    """
    for module in model.vae.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    posterior, output = model.vae.encoder.posterior, model.vae.decoder.output
    for module in model.vae.encoder.residuals.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data.mul_(0.5)  # because its output is added to its input
    nn.init.xavier_normal_(posterior.weight)
    nn.init.xavier_normal_(output.weight)
    nn.init.constant_(posterior.bias[model.config.latent_dim :], -2.0)  # log sigma: 0.14
