"""TRL's PPOTrainer on the same prompts and sizes, where it is installed: a peer for ``tests.bench.ppo``."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from salmon.config.schema import Config

VERSION = "1.12"  # whose API this is written for; later ones have no PPOTrainer


def installed() -> bool:
    """Whether TRL is there in that version."""
    try:
        return f"{version('trl')}.".startswith(f"{VERSION}.")
    except PackageNotFoundError:
        return False


def trl_update(
    weights: str, tokenizer: Any, prompts: Sequence[Sequence[int]], cfg: Config, held: ExitStack
) -> Callable[[], object] | None:
    """One update of PPOTrainer, LoRA on all linear maps of policy and value model, fp32; None where it is not there.

    Args:
        weights: folder of the base; policy, value and reward model each load it.
        tokenizer: the base's.
        prompts: token ids.
        cfg: settings of the update.
        held: keeps what the trainer writes until it is closed.
    """
    if not installed():
        return None
    from datasets import Dataset
    from peft import LoraConfig, inject_adapter_in_model
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    ppo, rows = cfg.ppo, len(prompts)
    tokenizer.padding_side, tokenizer.pad_token = "left", tokenizer.pad_token or tokenizer.eos_token

    def lora(task: str | None) -> LoraConfig:
        return LoraConfig(r=cfg.model.lora.r, lora_alpha=cfg.model.lora.r, target_modules="all-linear", task_type=task)

    def scorer() -> Any:
        model = AutoModelForSequenceClassification.from_pretrained(weights, num_labels=1, dtype=torch.float32)
        model.config.pad_token_id = tokenizer.pad_token_id
        return model.requires_grad_(False)

    value = scorer()
    inject_adapter_in_model(lora(None), value.model)
    value.score.requires_grad_(True)
    args = PPOConfig(
        output_dir=held.enter_context(TemporaryDirectory()),
        per_device_train_batch_size=ppo.minibatch,
        gradient_accumulation_steps=rows // ppo.minibatch,
        num_mini_batches=rows // ppo.minibatch,
        total_episodes=rows,
        local_rollout_forward_batch_size=rows,
        num_sample_generations=0,
        response_length=ppo.sampling.max_new_tokens,
        temperature=ppo.sampling.temperature,
        num_ppo_epochs=ppo.inner_epochs,
        learning_rate=ppo.optim.lr,
        use_cpu=not torch.cuda.is_available(),
        bf16=False,
        gradient_checkpointing=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    data = Dataset.from_dict({"input_ids": [list(ids) for ids in prompts]})
    trainer = PPOTrainer(
        args,
        tokenizer,
        AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32),
        None,
        scorer(),
        data,
        value,
        eval_dataset=data,
        peft_config=lora("CAUSAL_LM"),
    )
    return trainer.train  # type: ignore[no-any-return]
