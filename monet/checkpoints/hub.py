"""MONet as a model of the Hugging Face Hub: ``from_pretrained``, ``save_pretrained``, ``push_to_hub``."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Self

import torch
from huggingface_hub import PyTorchModelHubMixin, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from monet import checkpoints, model
from monet.checkpoints import CARD, CONFIG, WEIGHTS, Checkpoint, CheckpointError, metadata

FILES = ("*.safetensors", "*.json", "*.md", "*.png", "*.webp")
"""Files of a checkpoint; no others are downloaded or copied."""


class MONet(model.MONet, PyTorchModelHubMixin):
    """A :class:`~monet.model.MONet` with ``from_pretrained``, ``save_pretrained`` and ``push_to_hub``.

    Attributes:
        checkpoint: source of the weights; None for new ones.
    """

    checkpoint: Checkpoint | None = None
    _loaded: str = ""
    """Digest of the weights when they were loaded."""

    @classmethod
    def from_pretrained(  # type: ignore[override, unused-ignore]
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        force_download: bool = False,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
        map_location: str | torch.device = "cpu",
    ) -> Self:
        """Loads a model from a folder, a name under ``checkpoints/``, or the Hub, in eval mode; float32.

        Args:
            pretrained_model_name_or_path: folder, name or Hub id; a local folder or name has priority over the Hub.
            force_download: download again, even if the files are cached.
            token: access token of the Hub, for private models.
            cache_dir: folder for downloaded files; the Hub library's cache if None.
            local_files_only: no network access.
            revision: branch, tag or commit on the Hub.
            map_location: device of the model.

        Raises:
            CheckpointError: the Hub has no such model or cannot be reached, or as :func:`monet.checkpoints.load`.
        """
        name = str(pretrained_model_name_or_path)
        if Path(name).is_dir() or (checkpoints.FOLDER / name).is_dir():
            return cls.of(checkpoints.read(name)).to(map_location)
        try:
            folder = snapshot_download(
                name, revision=revision, cache_dir=cache_dir, force_download=force_download, token=token,
                local_files_only=local_files_only, allow_patterns=list(FILES),
            )  # fmt: skip
        except (HfHubHTTPError, HFValidationError, OSError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CheckpointError(
                f"{name}: no local checkpoint, and the Hub provides no such model: {reason}"
            ) from error
        return cls.of(checkpoints.read(folder)).to(map_location)

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Self:
        """Loads the model of a checkpoint; raises the errors of :func:`monet.checkpoints.load`."""
        network = cls(checkpoint.config)
        network.load_state_dict(checkpoints.load(checkpoint).state_dict())
        network.checkpoint, network._loaded = checkpoint, network._digest()
        return network.eval()

    def _save_pretrained(self, save_directory: Path) -> None:
        """Writes a checkpoint folder. Results, card and pictures are copied only if the weights are unchanged."""
        known, unchanged = self.checkpoint, self.checkpoint is not None and self._digest() == self._loaded
        title, data = (known.title, known.data) if known else (save_directory.name, "")
        if known and unchanged and known.folder.resolve() != save_directory.resolve():
            for pattern in FILES:
                for file in known.folder.glob(pattern):
                    if file.name not in (CONFIG, WEIGHTS):
                        shutil.copy(file, save_directory)
        card = None
        if not (save_directory / CARD).exists():
            card = f"{metadata.front_matter(title, data)}\n\n# MONet, {title}\n\n{metadata.use(str(save_directory))}\n"
        checkpoints.save(
            self, save_directory, title=title, data=data, card=card, fit=known.fit if known else "crop",
            measured=known.measured if known and unchanged else None,
        )  # fmt: skip

    def _digest(self) -> str:
        """SHA-256 of the weights."""
        digest = hashlib.sha256()
        for tensor in self.state_dict().values():
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def load(name_or_folder: str | Path | Checkpoint) -> MONet:
    """Loads a local checkpoint like :meth:`MONet.from_pretrained`: a model in eval mode, float32, on the CPU.

    Raises:
        CheckpointError: as :func:`monet.checkpoints.load`.
    """
    known = name_or_folder if isinstance(name_or_folder, Checkpoint) else checkpoints.read(name_or_folder)
    return MONet.of(known)
