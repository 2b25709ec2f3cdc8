"""Looking at rows: previews and contact sheets."""
