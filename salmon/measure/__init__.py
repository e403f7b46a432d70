"""``salmon plan --measure``: the phases of a plan run on this machine, beside what the plan says of them."""
