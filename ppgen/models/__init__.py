"""Model families, one file each."""

from ppgen.models.vae import VAE

__all__ = ["VAE"]
