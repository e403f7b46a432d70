"""Bars of transformers over tensors and shards: they come between our lines and say nothing that these do not."""


def hide_progress_bars() -> None:
    """For the rest of the process. Downloads, which may take hours, keep the hub's own bars."""
    from transformers.utils import logging

    logging.disable_progress_bar()
