"""Measurements, always as ratios within one run: on noisy machines a time alone means nothing."""
