"""Responses from a policy: the loop over tokens, or vLLM."""
