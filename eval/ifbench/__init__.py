"""IFBench: does a policy follow constraints that a program can check? (``python -m eval task=ifbench``)"""

TASK = "ifbench"
