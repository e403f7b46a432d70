"""The policy that everything starts from: demonstrations, most often self-made, learned without the rules that made
them (PAPER.md 2.1)."""

from salmon.config.schema import Config
from salmon.data.rows import write_jsonl
from salmon.models.initial_adapters import load_initial_policy
from salmon.sft.demonstrations import make_demonstrations
from salmon.sft.training import encode_demonstration, train_sft
from salmon.stage.context import StageContext

ADAPTER = "policy"


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Make or read demonstrations and train the policy adapter ``policy/`` on them."""
    shared = ctx.shared()
    if cfg.sft.start is not None:
        load_initial_policy(shared, ADAPTER, cfg.sft.start)
    if cfg.sft.train.epochs == 0:  # the given adapter is taken as it is
        ctx.write(lambda: shared.save_adapter(ADAPTER, ctx.work / "policy"))
        return {}

    # 1. Demonstrations: the base's own answers under the rules or in random styles, or given ones.
    demonstrations, counts = make_demonstrations(cfg, ctx, shared)
    ctx.write(lambda: write_jsonl(ctx.work / "demonstrations.jsonl", demonstrations))

    # 2. Examples: the plain prompt, without rules and thoughts, and the answer.
    examples = [encode_demonstration(shared.chat, row, cfg.sft) for row in demonstrations]

    # 3. Supervised fine-tuning of a new adapter, or of the given one.
    if cfg.sft.start is None:
        shared.add_adapter(ADAPTER, cfg.seed)
    last = train_sft(ctx, shared, ADAPTER, examples, cfg.sft, cfg.seed)

    # 4. The adapter.
    ctx.write(lambda: shared.save_adapter(ADAPTER, ctx.work / "policy"))
    return counts | {"sft/loss": last["sft/loss"], "selfalign/demonstrations": len(examples)}
