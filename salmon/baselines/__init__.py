"""What the method is compared with: DPO on the judged pairs, and the best of n samples."""
